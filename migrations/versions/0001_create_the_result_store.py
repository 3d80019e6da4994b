"""Create the tables of the result store, its views, and the role that reads them.

Revision 0001, the baseline. Everything is written out: a revision must do the same for ever,
whatever the models become.
"""

import sqlalchemy as sa
from alembic import op

from migrations.columns import (
    check,
    dates,
    doubles,
    finite,
    integers,
    json,
    of_backtest,
    texts,
    timestamps,
)
from migrations.reader_role import create_role, revoke_default_privileges

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_NATURAL_KEY = (
    *("symbol", "strategy", "parameters", "start_date", "end_date", "settings", "source"),
    *("data_version", "code_version", "universe_version"),
)
_MEASURED = (
    *("total_return", "annualized_return", "annualized_volatility", "downside_volatility"),
    *("sharpe_ratio", "sortino_ratio", "calmar_ratio", "omega_ratio", "max_drawdown"),
    *("recovery_factor", "value_at_risk", "conditional_value_at_risk", "final_value"),
    *("peak_value", "benchmark_return", "excess_return", "alpha", "beta", "information_ratio"),
    *("universe_return", "universe_excess_return", "universe_alpha", "universe_beta"),
    *("universe_information_ratio", "win_rate", "profit_factor", "expectancy"),
    *("average_trade_return", "best_trade", "worst_trade", "average_trade_duration"),
    *("payoff_ratio", "kelly_fraction", "exposure", "turnover", "total_fees", "total_slippage"),
)
_COUNTS = (
    *("max_drawdown_duration", "total_trades", "closed_trades", "open_trades"),
    *("winning_trades", "losing_trades"),
)
_PURPOSE = "purpose IN ('pipeline', 'request', 'sweep', 'walk_forward', 'portfolio', 'notebook')"

_LATEST_BACKTESTS = """
WITH RECURSIVE pairs AS (
    (
        SELECT symbol, strategy
        FROM run_backtests
        WHERE purpose = 'pipeline'
        ORDER BY symbol, strategy
        LIMIT 1
    )
    UNION ALL
    SELECT following.symbol, following.strategy
    FROM pairs
    CROSS JOIN LATERAL (
        SELECT symbol, strategy
        FROM run_backtests
        WHERE purpose = 'pipeline' AND (symbol, strategy) > (pairs.symbol, pairs.strategy)
        ORDER BY symbol, strategy
        LIMIT 1
    ) AS following
)
SELECT newest.*
FROM pairs
CROSS JOIN LATERAL (
    SELECT backtests.*
    FROM run_backtests AS members
    JOIN backtests ON backtests.id = members.backtest_id
    WHERE members.purpose = 'pipeline'
        AND members.symbol = pairs.symbol AND members.strategy = pairs.strategy
    ORDER BY members.saved_at DESC, members.backtest_id DESC
    LIMIT 1
) AS newest
"""

_LEADERBOARD = """
SELECT
    rank, strategy, symbols, ranked_symbols, stale_symbols, median_sharpe_ratio,
    median_total_return, median_annualized_return, median_max_drawdown, worst_max_drawdown,
    mean_win_rate, total_trades, share_beating_benchmark, start_date, end_date, source
FROM leaderboard_rows
JOIN leaderboards USING (run_id)
WHERE run_id = (
    SELECT run_id
    FROM leaderboards
    WHERE purpose = 'pipeline'
    ORDER BY made_at DESC, run_id DESC
    LIMIT 1
)
ORDER BY rank, strategy
"""


def upgrade() -> None:
    """Create everything."""
    create_role()
    _create_backtests()
    _create_trades()
    _create_run_backtests()
    _create_backtest_runs()
    _create_universe_members()
    _create_failures()
    _create_leaderboards()
    op.execute(f"CREATE VIEW latest_backtests AS {_LATEST_BACKTESTS}")
    op.execute(f"CREATE VIEW leaderboard AS {_LEADERBOARD}")


def downgrade() -> None:
    """Drop everything, data included. The role stays: other databases may use it."""
    op.execute("DROP VIEW leaderboard, latest_backtests")
    op.execute("DROP TABLE leaderboard_rows, leaderboards, failures, universe_members")
    op.execute("DROP TABLE backtest_runs, run_backtests, trades, backtests")
    revoke_default_privileges()


def _create_backtests() -> None:
    op.create_table(
        "backtests",
        sa.Column("id", sa.Uuid(), nullable=False),
        *texts("symbol", "strategy"),
        json("parameters"),
        *dates("start_date", "end_date"),
        json("settings"),
        *texts("source", "data_version", "code_version"),
        *texts("universe_version", nullable=True),
        *dates("first_session", "last_session"),
        *integers("data_points"),
        sa.Column("ended_early", sa.Boolean(), nullable=False),
        *texts("price_basis", "execution"),
        *doubles("bars_per_year"),
        *texts("gauntlet_version", "row_version", "run_id"),
        *integers("part"),
        *doubles(*_MEASURED, nullable=True),
        *integers(*_COUNTS, nullable=True),
        json("undefined"),
        json("seeds"),
        *timestamps("created_at", "updated_at"),
        check("backtests_window", "start_date <= end_date"),
        check("backtests_sessions", "first_session <= last_session"),
        check("backtests_data_points", "data_points >= 1"),
        check("backtests_finite", finite(*sorted(_MEASURED))),
        check("backtests_seeds", "jsonb_typeof(seeds) = 'object'"),
        sa.PrimaryKeyConstraint("id", name="pk_backtests"),
        sa.UniqueConstraint(
            *_NATURAL_KEY,
            name="uq_backtests_natural_key",
            deferrable=True,
            postgresql_nulls_not_distinct=True,
        ),
    )
    op.create_index("ix_backtests_symbol_newest", "backtests", ["symbol", "updated_at", "id"])
    op.create_index("ix_backtests_strategy", "backtests", ["strategy", "updated_at", "id"])
    op.create_index("ix_backtests_run_id", "backtests", ["run_id"])


def _create_trades() -> None:
    fills = ("entry_price", "exit_price", "size", "entry_fees", "exit_fees")
    reasons = "'open', 'signal', 'stop_loss', 'trailing_stop', 'take_profit'"
    op.create_table(
        "trades",
        sa.Column("backtest_id", sa.Uuid(), nullable=False),
        *integers("trade_no"),
        *texts("direction", "status"),
        *dates("entry_date"),
        *doubles("entry_price"),
        *dates("exit_date", nullable=True),
        *doubles("exit_price", nullable=True),
        *doubles("size", "entry_fees", "exit_fees", "pnl", "trade_return"),
        *texts("exit_reason"),
        check("trades_status", "status IN ('open', 'closed')"),
        check("trades_direction", "direction IN ('long', 'short')"),
        check("trades_exit_reason", f"exit_reason IN ({reasons})"),
        check("trades_open", "(status = 'open') = (exit_reason = 'open')"),
        check("trades_dates", "entry_date <= exit_date"),
        check("trades_finite_fills", finite(*fills)),
        check("trades_finite_outcome", finite("pnl", "trade_return")),
        sa.PrimaryKeyConstraint("backtest_id", "trade_no", name="pk_trades"),
        of_backtest("trades"),
    )


def _create_run_backtests() -> None:
    op.create_table(
        "run_backtests",
        *texts("run_id"),
        sa.Column("backtest_id", sa.Uuid(), nullable=False),
        *texts("purpose", "symbol", "strategy"),
        *timestamps("saved_at"),
        check("run_backtests_purpose", _PURPOSE),
        check("run_backtests_no_run", "run_id <> '' OR purpose = 'notebook'"),
        sa.PrimaryKeyConstraint("run_id", "backtest_id", name="pk_run_backtests"),
        of_backtest("run_backtests"),
    )
    newest = [sa.text("saved_at DESC"), sa.text("backtest_id DESC")]
    op.create_index(
        "ix_run_backtests_newest", "run_backtests", ["purpose", "symbol", "strategy", *newest]
    )
    op.create_index(
        "ix_run_backtests_saved_at", "run_backtests", ["purpose", "saved_at", "backtest_id"]
    )
    op.create_index("ix_run_backtests_backtest_id", "run_backtests", ["backtest_id"])


def _create_backtest_runs() -> None:
    op.create_table(
        "backtest_runs",
        *texts("run_id", "purpose"),
        *texts("run_user", nullable=True),
        *texts("source"),
        *dates("start_date", "end_date"),
        json("profile"),
        *texts("universe_members_version", nullable=True),
        *timestamps("started_at", "updated_at"),
        check("backtest_runs_purpose", _PURPOSE),
        check("backtest_runs_profile", "jsonb_typeof(profile) = 'object'"),
        sa.PrimaryKeyConstraint("run_id", name="pk_backtest_runs"),
    )
    op.create_index("ix_backtest_runs_started_at", "backtest_runs", ["started_at"])


def _create_universe_members() -> None:
    op.create_table(
        "universe_members",
        *texts("version", "symbol"),
        *integers("place"),
        *texts("sector", nullable=True),
        *dates("listed_from", "listed_to", nullable=True),
        check("universe_members_listing", "listed_from <= listed_to"),
        sa.PrimaryKeyConstraint("version", "symbol", name="pk_universe_members"),
    )


def _create_failures() -> None:
    attempt = ("run_id", "stage", "symbol", "strategy")
    op.create_table(
        "failures",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        *texts("run_id", "stage", "symbol"),
        *texts("strategy", nullable=True),
        *texts("error_class", "message", "source"),
        *dates("start_date", "end_date"),
        sa.Column("transient", sa.Boolean(), server_default=sa.false(), nullable=False),
        *timestamps("failed_at"),
        sa.PrimaryKeyConstraint("id", name="pk_failures"),
        sa.UniqueConstraint(
            *attempt, name="uq_failures_attempt", postgresql_nulls_not_distinct=True
        ),
    )
    op.create_index("ix_failures_symbol", "failures", ["symbol", "failed_at"])


def _create_leaderboards() -> None:
    op.create_table(
        "leaderboards",
        *texts("run_id", "purpose", "source"),
        *dates("start_date", "end_date"),
        json("scope"),
        *timestamps("made_at"),
        check("leaderboards_purpose", _PURPOSE),
        sa.PrimaryKeyConstraint("run_id", name="pk_leaderboards"),
    )
    op.create_index("ix_leaderboards_made_at", "leaderboards", ["purpose", "made_at", "run_id"])
    op.create_table(
        "leaderboard_rows",
        *texts("run_id", "strategy"),
        *integers("rank", nullable=True),
        *integers("symbols", "ranked_symbols", "stale_symbols"),
        *doubles("median_sharpe_ratio", "median_total_return", nullable=True),
        *doubles("median_annualized_return", "median_max_drawdown", nullable=True),
        *doubles("worst_max_drawdown", "mean_win_rate", nullable=True),
        *integers("total_trades"),
        *doubles("share_beating_benchmark", nullable=True),
        sa.PrimaryKeyConstraint("run_id", "strategy", name="pk_leaderboard_rows"),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["leaderboards.run_id"],
            name=op.f("fk_leaderboard_rows_run_id"),
            ondelete="CASCADE",
        ),
    )
