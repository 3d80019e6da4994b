"""Create the tables of the result store, its views, and the role that reads them.

Revision 0001, the baseline. Everything is written out: a revision must do the same for ever,
whatever the models become.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.reader_role import create_role, revoke_default_privileges
from resources.result_store.views import LATEST_BACKTESTS, LEADERBOARD

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


def upgrade() -> None:
    """Create everything."""
    create_role()
    _create_backtests()
    _create_trades()
    _create_run_backtests()
    _create_backtest_runs()
    _create_universe_members()
    _create_failures()
    op.execute(f"CREATE VIEW latest_backtests AS {LATEST_BACKTESTS}")
    op.execute(f"CREATE VIEW leaderboard AS {LEADERBOARD}")


def downgrade() -> None:
    """Drop everything, data included. The role stays: other databases may use it."""
    op.execute("DROP VIEW leaderboard, latest_backtests")
    op.execute("DROP TABLE failures, universe_members, backtest_runs, run_backtests, trades")
    op.drop_table("backtests")
    revoke_default_privileges()


def _create_backtests() -> None:
    op.create_table(
        "backtests",
        sa.Column("id", sa.Uuid(), nullable=False),
        *_texts("symbol", "strategy"),
        _json("parameters"),
        *_dates("start_date", "end_date"),
        _json("settings"),
        *_texts("source", "data_version", "code_version"),
        *_texts("universe_version", nullable=True),
        *_dates("first_session", "last_session"),
        *_integers("data_points"),
        sa.Column("ended_early", sa.Boolean(), nullable=False),
        *_texts("price_basis", "execution"),
        *_doubles("bars_per_year"),
        *_texts("gauntlet_version", "row_version", "run_id"),
        *_integers("part"),
        *_doubles(*_MEASURED, nullable=True),
        *_integers(*_COUNTS, nullable=True),
        _json("undefined"),
        _json("seeds"),
        *_timestamps("created_at", "updated_at"),
        _check("backtests_window", "start_date <= end_date"),
        _check("backtests_sessions", "first_session <= last_session"),
        _check("backtests_data_points", "data_points >= 1"),
        _check("backtests_finite", _finite(*sorted(_MEASURED))),
        _check("backtests_seeds", "jsonb_typeof(seeds) = 'object'"),
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
    op.create_index("ix_backtests_updated_at", "backtests", ["updated_at", "id"])
    op.create_index("ix_backtests_run_id", "backtests", ["run_id"])


def _create_trades() -> None:
    fills = ("entry_price", "exit_price", "size", "entry_fees", "exit_fees")
    reasons = "'open', 'signal', 'stop_loss', 'trailing_stop', 'take_profit'"
    op.create_table(
        "trades",
        sa.Column("backtest_id", sa.Uuid(), nullable=False),
        *_integers("trade_no"),
        *_texts("direction", "status"),
        *_dates("entry_date"),
        *_doubles("entry_price"),
        *_dates("exit_date", nullable=True),
        *_doubles("exit_price", nullable=True),
        *_doubles("size", "entry_fees", "exit_fees", "pnl", "trade_return"),
        *_texts("exit_reason"),
        _check("trades_status", "status IN ('open', 'closed')"),
        _check("trades_direction", "direction IN ('long', 'short')"),
        _check("trades_exit_reason", f"exit_reason IN ({reasons})"),
        _check("trades_open", "(status = 'open') = (exit_reason = 'open')"),
        _check("trades_dates", "entry_date <= exit_date"),
        _check("trades_finite_fills", _finite(*fills)),
        _check("trades_finite_outcome", _finite("pnl", "trade_return")),
        sa.PrimaryKeyConstraint("backtest_id", "trade_no", name="pk_trades"),
        _of_backtest("trades"),
    )


def _create_run_backtests() -> None:
    op.create_table(
        "run_backtests",
        *_texts("run_id"),
        sa.Column("backtest_id", sa.Uuid(), nullable=False),
        *_texts("purpose", "symbol", "strategy"),
        *_timestamps("saved_at"),
        _check("run_backtests_purpose", _PURPOSE),
        _check("run_backtests_no_run", "run_id <> '' OR purpose = 'notebook'"),
        sa.PrimaryKeyConstraint("run_id", "backtest_id", name="pk_run_backtests"),
        _of_backtest("run_backtests"),
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
        *_texts("run_id", "purpose"),
        *_texts("run_user", nullable=True),
        *_texts("source"),
        *_dates("start_date", "end_date"),
        _json("profile"),
        *_texts("universe_members_version", nullable=True),
        *_timestamps("started_at", "updated_at"),
        _check("backtest_runs_purpose", _PURPOSE),
        _check("backtest_runs_profile", "jsonb_typeof(profile) = 'object'"),
        sa.PrimaryKeyConstraint("run_id", name="pk_backtest_runs"),
    )
    op.create_index("ix_backtest_runs_started_at", "backtest_runs", ["started_at"])


def _create_universe_members() -> None:
    op.create_table(
        "universe_members",
        *_texts("version", "symbol"),
        *_integers("place"),
        *_texts("sector", nullable=True),
        *_dates("listed_from", "listed_to", nullable=True),
        _check("universe_members_listing", "listed_from <= listed_to"),
        sa.PrimaryKeyConstraint("version", "symbol", name="pk_universe_members"),
    )


def _create_failures() -> None:
    attempt = ("run_id", "stage", "symbol", "strategy")
    op.create_table(
        "failures",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        *_texts("run_id", "stage", "symbol"),
        *_texts("strategy", nullable=True),
        *_texts("error_class", "message", "source"),
        *_dates("start_date", "end_date"),
        sa.Column("transient", sa.Boolean(), server_default=sa.false(), nullable=False),
        *_timestamps("failed_at"),
        sa.PrimaryKeyConstraint("id", name="pk_failures"),
        sa.UniqueConstraint(
            *attempt, name="uq_failures_attempt", postgresql_nulls_not_distinct=True
        ),
    )
    op.create_index("ix_failures_symbol", "failures", ["symbol", "failed_at"])


def _texts(*names: str, nullable: bool = False) -> list[sa.Column]:
    return [sa.Column(name, sa.Text(), nullable=nullable) for name in names]


def _dates(*names: str, nullable: bool = False) -> list[sa.Column]:
    return [sa.Column(name, sa.Date(), nullable=nullable) for name in names]


def _doubles(*names: str, nullable: bool = False) -> list[sa.Column]:
    return [sa.Column(name, sa.Double(), nullable=nullable) for name in names]


def _integers(*names: str, nullable: bool = False) -> list[sa.Column]:
    return [sa.Column(name, sa.Integer(), nullable=nullable) for name in names]


def _timestamps(*names: str) -> list[sa.Column]:
    kind, now = sa.DateTime(timezone=True), sa.text("now()")
    return [sa.Column(name, kind, server_default=now, nullable=False) for name in names]


def _json(name: str) -> sa.Column:
    return sa.Column(name, JSONB(), nullable=False)


def _check(name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=op.f(f"ck_{name}"))


def _finite(*names: str) -> str:
    return " AND ".join(f"{name} > '-Infinity' AND {name} < 'Infinity'" for name in names)


def _of_backtest(table: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_backtest_id")
    return sa.ForeignKeyConstraint(["backtest_id"], ["backtests.id"], name, ondelete="CASCADE")
