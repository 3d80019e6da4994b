"""Measure more: 21 metrics, the universe they compare with, shorts and the reasons of exits.

Revision 0002. What older rows do not have stays NULL, with the reason; their trades were all long
and ended by a signal, if at all. As in every revision everything is written out, the views' SQL
too.
"""

import json

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_MEASURED_BEFORE = (
    "total_return",
    "annualized_return",
    "annualized_volatility",
    "sharpe_ratio",
    "sortino_ratio",
    "calmar_ratio",
    "omega_ratio",
    "max_drawdown",
    "value_at_risk",
    "conditional_value_at_risk",
    "win_rate",
    "profit_factor",
    "expectancy",
    "average_trade_return",
    "best_trade",
    "worst_trade",
    "final_value",
    "total_fees",
    "benchmark_return",
)
_MEASURED = (
    "downside_volatility",
    "recovery_factor",
    "peak_value",
    "excess_return",
    "alpha",
    "beta",
    "information_ratio",
    "universe_return",
    "universe_excess_return",
    "universe_alpha",
    "universe_beta",
    "universe_information_ratio",
    "average_trade_duration",
    "payoff_ratio",
    "kelly_fraction",
    "exposure",
    "turnover",
    "total_slippage",
)
_COUNTS = ("max_drawdown_duration", "winning_trades", "losing_trades")
_NEW_METRICS = (*_MEASURED, *_COUNTS)
_NOT_MEASURED = "not measured by the version that made this row"

_LATEST_BACKTESTS = """
SELECT DISTINCT ON (symbol, strategy) *
FROM backtests
ORDER BY symbol, strategy, updated_at DESC, id DESC
"""

_LEADERBOARD = """
WITH comparison AS (
    SELECT source, start_date, end_date, settings
    FROM backtests
    ORDER BY updated_at DESC, id DESC
    LIMIT 1
), versions AS (
    SELECT DISTINCT ON (strategy) strategy, parameters, code_version
    FROM backtests
    JOIN comparison USING (source, start_date, end_date, settings)
    ORDER BY strategy, updated_at DESC, id DESC
), newest AS (
    SELECT DISTINCT ON (symbol, strategy) backtests.*
    FROM backtests
    JOIN comparison USING (source, start_date, end_date, settings)
    JOIN versions USING (strategy, parameters, code_version)
    ORDER BY symbol, strategy, updated_at DESC, id DESC
), standing AS (
    SELECT
        newest.*,
        sharpe_ratio IS NOT NULL AND coalesce(closed_trades, 0) >= 5 AS ranked
    FROM newest
    WHERE NOT EXISTS (
        SELECT FROM failures
        WHERE failures.symbol = newest.symbol
            AND failures.source = newest.source
            AND failures.start_date = newest.start_date
            AND failures.end_date = newest.end_date
            AND (failures.strategy IS NULL OR failures.strategy = newest.strategy)
            AND failures.failed_at > newest.updated_at
    )
), ranking AS (
    SELECT
        strategy,
        count(*) AS symbols,
        count(*) FILTER (WHERE ranked) AS ranked_symbols,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY sharpe_ratio)
            FILTER (WHERE ranked) AS median_sharpe_ratio,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY total_return)
            FILTER (WHERE ranked) AS median_total_return,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY annualized_return)
            FILTER (WHERE ranked) AS median_annualized_return,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY max_drawdown)
            FILTER (WHERE ranked) AS median_max_drawdown,
        min(max_drawdown) AS worst_max_drawdown,
        avg(win_rate) FILTER (WHERE ranked) AS mean_win_rate,
        sum(total_trades) AS total_trades,
        avg((total_return > benchmark_return)::int)::float8 AS beat_benchmark,
        start_date,
        end_date,
        source
    FROM standing
    GROUP BY strategy, start_date, end_date, source
)
SELECT
    CASE WHEN representative THEN row_number() OVER (
        ORDER BY representative DESC, median_sharpe_ratio DESC NULLS LAST, strategy
    ) END AS rank,
    ranking.*
FROM ranking
CROSS JOIN LATERAL (
    SELECT 2 * ranked_symbols >= (SELECT count(DISTINCT symbol) FROM standing) AS representative
) AS judged
ORDER BY rank, strategy
"""


def upgrade() -> None:
    """Add the columns, and say of every row that is there what it lacks."""
    for name in _MEASURED:
        op.add_column("backtests", sa.Column(name, sa.Double(), nullable=True))
    for name in _COUNTS:
        op.add_column("backtests", sa.Column(name, sa.Integer(), nullable=True))
    op.add_column("backtests", sa.Column("universe_version", sa.Text(), nullable=True))
    _finite(*sorted((*_MEASURED_BEFORE, *_MEASURED)))
    _say_what_was_not_measured()
    _add_direction_and_exit_reason()
    # Replaced, not dropped: a view keeps whom it was granted to, and what was built on it.
    op.execute(f"CREATE OR REPLACE VIEW latest_backtests AS {_LATEST_BACKTESTS}")
    op.execute(f"CREATE OR REPLACE VIEW leaderboard AS {_LEADERBOARD}")


def downgrade() -> None:
    """Drop the columns, and the backtests that revision 0001 has no words for.

    Without its direction a short trade would read as a long one, and a stop as a signal. Run
    again, those backtests are the same to the bit.
    """
    op.execute("DROP VIEW leaderboard")
    op.execute("DROP VIEW latest_backtests")
    op.execute(
        "DELETE FROM backtests USING trades WHERE backtests.id = trades.backtest_id "
        "AND (direction <> 'long' OR exit_reason NOT IN ('open', 'signal'))"
    )
    for name in ("direction", "exit_reason", "open"):
        op.drop_constraint(op.f(f"ck_trades_{name}"), "trades")
    op.drop_column("trades", "exit_reason")
    op.drop_column("trades", "direction")
    _finite(*_MEASURED_BEFORE)
    for name in ("universe_version", *_NEW_METRICS):
        op.drop_column("backtests", name)
    reasons = sa.bindparam("names", list(_NEW_METRICS), sa.ARRAY(sa.Text))
    op.execute(sa.text("UPDATE backtests SET undefined = undefined - :names").bindparams(reasons))
    op.execute(f"CREATE VIEW latest_backtests AS {_LATEST_BACKTESTS}")
    op.execute(f"CREATE VIEW leaderboard AS {_LEADERBOARD}")


def _finite(*names: str) -> None:
    """Replace the check that no metric is NaN or infinite by one of these metrics."""
    condition = " AND ".join(f"{name} > '-Infinity' AND {name} < 'Infinity'" for name in names)
    op.drop_constraint(op.f("ck_backtests_finite"), "backtests")
    op.create_check_constraint(op.f("ck_backtests_finite"), "backtests", condition)


def _say_what_was_not_measured() -> None:
    """Give every new metric of the rows that are there its reason; `updated_at` stays."""
    reasons = json.dumps(dict.fromkeys(_NEW_METRICS, _NOT_MEASURED))
    said = sa.text("UPDATE backtests SET undefined = undefined || CAST(:reasons AS jsonb)")
    op.execute(said.bindparams(reasons=reasons))


def _add_direction_and_exit_reason() -> None:
    # By way of a default, which costs no rewriting of a large table; only open trades are few.
    for name, before in (("direction", "long"), ("exit_reason", "signal")):
        column = sa.Column(name, sa.Text(), server_default=before, nullable=False)
        op.add_column("trades", column)
    op.execute("UPDATE trades SET exit_reason = 'open' WHERE status = 'open'")
    for name, words in (
        ("direction", "'long', 'short'"),
        ("exit_reason", "'open', 'signal', 'stop_loss', 'trailing_stop', 'take_profit'"),
    ):
        op.alter_column("trades", name, server_default=None)
        op.create_check_constraint(op.f(f"ck_trades_{name}"), "trades", f"{name} IN ({words})")
    condition = "(status = 'open') = (exit_reason = 'open')"
    op.create_check_constraint(op.f("ck_trades_open"), "trades", condition)
