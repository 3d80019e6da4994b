"""Create backtests, trades, runs, failures and the two public views.

Revision 0001, the first. Everything is written out, the views' SQL too: a revision must do the
same for ever, whatever the models become.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_NOW = sa.text("now()")
_TIMESTAMP = sa.DateTime(timezone=True)

_FRACTIONS_AND_RATIOS = (
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
)
_COUNTS = ("total_trades", "closed_trades", "open_trades")
_MONEY_AND_BENCHMARK = ("final_value", "total_fees", "benchmark_return")

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
    """Create everything."""
    _create_backtests()
    _create_trades()
    _create_runs()
    _create_failures()
    op.execute(f"CREATE VIEW latest_backtests AS {_LATEST_BACKTESTS}")
    op.execute(f"CREATE VIEW leaderboard AS {_LEADERBOARD}")


def downgrade() -> None:
    """Drop everything, data included."""
    op.execute("DROP VIEW leaderboard")
    op.execute("DROP VIEW latest_backtests")
    for table in ("failures", "backtest_runs", "trades", "backtests"):
        op.drop_table(table)


def _text(*names: str, nullable: bool = False) -> list[sa.Column]:
    return [sa.Column(name, sa.Text(), nullable=nullable) for name in names]


def _dates(*names: str) -> list[sa.Column]:
    return [sa.Column(name, sa.Date(), nullable=False) for name in names]


def _doubles(*names: str, nullable: bool = False) -> list[sa.Column]:
    return [sa.Column(name, sa.Double(), nullable=nullable) for name in names]


def _timestamps(*names: str) -> list[sa.Column]:
    return [sa.Column(name, _TIMESTAMP, server_default=_NOW, nullable=False) for name in names]


def _finite(*names: str) -> str:
    return " AND ".join(f"{name} > '-Infinity' AND {name} < 'Infinity'" for name in names)


def _create_backtests() -> None:
    op.create_table(
        "backtests",
        sa.Column("id", sa.Uuid(), nullable=False),
        *_text("symbol", "strategy"),
        sa.Column("parameters", JSONB(), nullable=False),
        *_dates("start_date", "end_date"),
        sa.Column("settings", JSONB(), nullable=False),
        *_text("data_version", "code_version", "source"),
        *_dates("first_session", "last_session"),
        sa.Column("data_points", sa.Integer(), nullable=False),
        sa.Column("ended_early", sa.Boolean(), nullable=False),
        *_text("price_basis", "execution"),
        *_doubles("year_length"),
        *_text("vectorbt_version", "gauntlet_version"),
        *_text("run_id", "run_user", nullable=True),
        *_doubles(*_FRACTIONS_AND_RATIOS, nullable=True),
        *(sa.Column(name, sa.Integer(), nullable=True) for name in _COUNTS),
        *_doubles(*_MONEY_AND_BENCHMARK, nullable=True),
        sa.Column("undefined", JSONB(), nullable=False),
        *_timestamps("created_at", "updated_at"),
        sa.CheckConstraint("start_date <= end_date", name=op.f("ck_backtests_window")),
        sa.CheckConstraint("first_session <= last_session", name=op.f("ck_backtests_sessions")),
        sa.CheckConstraint("data_points >= 1", name=op.f("ck_backtests_data_points")),
        sa.CheckConstraint(
            _finite(*_FRACTIONS_AND_RATIOS, *_MONEY_AND_BENCHMARK), name=op.f("ck_backtests_finite")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_backtests")),
        sa.UniqueConstraint(
            "symbol",
            "strategy",
            "parameters",
            "start_date",
            "end_date",
            "settings",
            "data_version",
            "code_version",
            name="uq_backtests_natural_key",
            deferrable=True,
        ),
    )
    op.create_index(
        "ix_backtests_symbol_strategy", "backtests", ["symbol", "strategy", "updated_at"]
    )
    op.create_index("ix_backtests_strategy", "backtests", ["strategy", "updated_at"])
    op.create_index("ix_backtests_updated_at", "backtests", ["updated_at", "id"])
    op.create_index("ix_backtests_run_id", "backtests", ["run_id"])


def _create_trades() -> None:
    fills = ("entry_price", "exit_price", "size", "entry_fees", "exit_fees")
    op.create_table(
        "trades",
        sa.Column("backtest_id", sa.Uuid(), nullable=False),
        sa.Column("trade_no", sa.Integer(), nullable=False),
        *_text("status"),
        *_dates("entry_date"),
        *_doubles("entry_price"),
        sa.Column("exit_date", sa.Date(), nullable=True),
        *_doubles("exit_price", nullable=True),
        *_doubles("size", "entry_fees", "exit_fees", "pnl", "trade_return"),
        sa.CheckConstraint("status IN ('open', 'closed')", name=op.f("ck_trades_status")),
        sa.CheckConstraint("entry_date <= exit_date", name=op.f("ck_trades_dates")),
        sa.CheckConstraint(_finite(*fills), name=op.f("ck_trades_finite_fills")),
        sa.CheckConstraint(_finite("pnl", "trade_return"), name=op.f("ck_trades_finite_outcome")),
        sa.PrimaryKeyConstraint("backtest_id", "trade_no", name=op.f("pk_trades")),
        sa.ForeignKeyConstraint(
            ["backtest_id"],
            ["backtests.id"],
            name=op.f("fk_trades_backtest_id"),
            ondelete="CASCADE",
        ),
    )


def _create_runs() -> None:
    op.create_table(
        "backtest_runs",
        *_text("run_id"),
        *_text("run_user", nullable=True),
        *_text("source"),
        *_dates("start_date", "end_date"),
        sa.Column("profile", JSONB(), nullable=False),
        *_timestamps("started_at", "updated_at"),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_backtest_runs")),
    )


def _create_failures() -> None:
    op.create_table(
        "failures",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        *_text("run_id", "stage", "symbol"),
        *_text("strategy", nullable=True),
        *_text("error_class", "message", "source"),
        *_dates("start_date", "end_date"),
        *_timestamps("failed_at"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_failures")),
        sa.UniqueConstraint(
            "run_id",
            "stage",
            "symbol",
            "strategy",
            name="uq_failures_attempt",
            postgresql_nulls_not_distinct=True,
        ),
    )
    op.create_index("ix_failures_symbol", "failures", ["symbol", "failed_at"])
