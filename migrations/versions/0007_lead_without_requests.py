"""Lead without requests: what an analyst alone has asked for is neither latest nor leading.

Revision 0007. As in every revision the views' SQL is written out.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_LEADERBOARD_BEFORE = """
WITH comparison AS (
    SELECT source, start_date, end_date, settings
    FROM backtests
    ORDER BY updated_at DESC, id DESC
    LIMIT 1
), pairs AS (
    SELECT DISTINCT symbol, strategy
    FROM backtests
), attempts AS (
    SELECT newest_of_kind.*
    FROM pairs
    CROSS JOIN comparison
    CROSS JOIN LATERAL (
        SELECT symbol, strategy, parameters, code_version, updated_at, id
        FROM backtests
        WHERE symbol = pairs.symbol AND strategy = pairs.strategy
            AND source = comparison.source AND settings = comparison.settings
            AND start_date = comparison.start_date AND end_date = comparison.end_date
        ORDER BY updated_at DESC, id DESC
        LIMIT 1
    ) AS newest_of_kind
), versions AS (
    SELECT DISTINCT ON (strategy) strategy, parameters, code_version
    FROM attempts
    ORDER BY strategy, updated_at DESC, id DESC
), newest AS (
    SELECT newest_of_version.*
    FROM attempts
    JOIN versions USING (strategy)
    CROSS JOIN comparison
    CROSS JOIN LATERAL (
        SELECT *
        FROM backtests
        WHERE symbol = attempts.symbol AND strategy = attempts.strategy
            AND source = comparison.source AND settings = comparison.settings
            AND start_date = comparison.start_date AND end_date = comparison.end_date
            AND parameters = versions.parameters AND code_version = versions.code_version
        ORDER BY updated_at DESC, id DESC
        LIMIT 1
    ) AS newest_of_version
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

_LEADERBOARD = """
WITH comparison AS (
    SELECT source, start_date, end_date, settings
    FROM backtests
    WHERE (run_id IS NULL OR run_id NOT IN (
    SELECT run_id FROM backtest_runs WHERE profile ? 'backtest_requests'
))
    ORDER BY updated_at DESC, id DESC
    LIMIT 1
), pairs AS (
    SELECT DISTINCT symbol, strategy
    FROM backtests
), attempts AS (
    SELECT newest_of_kind.*
    FROM pairs
    CROSS JOIN comparison
    CROSS JOIN LATERAL (
        SELECT symbol, strategy, parameters, code_version, updated_at, id
        FROM backtests
        WHERE symbol = pairs.symbol AND strategy = pairs.strategy
            AND source = comparison.source AND settings = comparison.settings
            AND start_date = comparison.start_date AND end_date = comparison.end_date
            AND (run_id IS NULL OR run_id NOT IN (
    SELECT run_id FROM backtest_runs WHERE profile ? 'backtest_requests'
))
        ORDER BY updated_at DESC, id DESC
        LIMIT 1
    ) AS newest_of_kind
), versions AS (
    SELECT DISTINCT ON (strategy) strategy, parameters, code_version
    FROM attempts
    ORDER BY strategy, updated_at DESC, id DESC
), newest AS (
    SELECT newest_of_version.*
    FROM attempts
    JOIN versions USING (strategy)
    CROSS JOIN comparison
    CROSS JOIN LATERAL (
        SELECT *
        FROM backtests
        WHERE symbol = attempts.symbol AND strategy = attempts.strategy
            AND source = comparison.source AND settings = comparison.settings
            AND start_date = comparison.start_date AND end_date = comparison.end_date
            AND parameters = versions.parameters AND code_version = versions.code_version
            AND (run_id IS NULL OR run_id NOT IN (
    SELECT run_id FROM backtest_runs WHERE profile ? 'backtest_requests'
))
        ORDER BY updated_at DESC, id DESC
        LIMIT 1
    ) AS newest_of_version
), standing AS (
    SELECT
        newest.*,
        sharpe_ratio IS NOT NULL AND coalesce(closed_trades, 0) >= 5 AS ranked
    FROM newest
    WHERE NOT EXISTS (
        SELECT FROM failures
        WHERE failures.stage <> 'backtest_requests'
            AND failures.symbol = newest.symbol
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

_LATEST_BACKTESTS_BEFORE = """
SELECT backtests.*
FROM backtests
JOIN (
    SELECT DISTINCT ON (symbol, strategy) id
    FROM backtests
    ORDER BY symbol, strategy, updated_at DESC, id DESC
) AS newest USING (id)
"""

_LATEST_BACKTESTS = """
SELECT newest.*
FROM (SELECT DISTINCT symbol, strategy FROM backtests) AS pairs
CROSS JOIN LATERAL (
    SELECT *
    FROM backtests
    WHERE symbol = pairs.symbol AND strategy = pairs.strategy AND (run_id IS NULL OR run_id NOT IN (
    SELECT run_id FROM backtest_runs WHERE profile ? 'backtest_requests'
))
    ORDER BY updated_at DESC, id DESC
    LIMIT 1
) AS newest
"""

_INDEX = "ix_backtest_runs_requests"


def upgrade() -> None:
    """Replace the views, and index the runs that they leave out."""
    which = sa.text("profile ? 'backtest_requests'")
    op.create_index(_INDEX, "backtest_runs", ["run_id"], postgresql_where=which)
    op.execute(f"CREATE OR REPLACE VIEW latest_backtests AS {_LATEST_BACKTESTS}")
    op.execute(f"CREATE OR REPLACE VIEW leaderboard AS {_LEADERBOARD}")


def downgrade() -> None:
    """Bring the views of before back."""
    op.execute(f"CREATE OR REPLACE VIEW latest_backtests AS {_LATEST_BACKTESTS_BEFORE}")
    op.execute(f"CREATE OR REPLACE VIEW leaderboard AS {_LEADERBOARD_BEFORE}")
    op.drop_index(_INDEX, "backtest_runs")
