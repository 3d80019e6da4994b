"""The two views that people and dashboards query: their SQL as it stands today.

Migrations hold frozen copies of their own; a test compares the newest of them with this file.
Both rest on the server's clock alone: `updated_at` and `failed_at` are its `now()`.
"""

MINIMUM_TRADES = 5
"""Closed trades below which a backtest is not ranked.

One or two lucky trades give the best Sharpe ratios of any universe; with five, luck alone is
right every time in 3 % of cases (0.5 ** 5).
"""

LATEST_BACKTESTS = """
SELECT DISTINCT ON (symbol, strategy) *
FROM backtests
ORDER BY symbol, strategy, updated_at DESC, id DESC
"""
"""One row a symbol and strategy: the newest, whatever its window and settings."""

_STANDING = """
WITH comparison AS (
    SELECT source, start_date, end_date, settings
    FROM backtests{within}
    ORDER BY updated_at DESC, id DESC
    LIMIT 1
), newest AS (
    SELECT DISTINCT ON (symbol, strategy) backtests.*
    FROM backtests
    JOIN comparison USING (source, start_date, end_date, settings){within}
    ORDER BY symbol, strategy, updated_at DESC, id DESC
), standing AS (
    SELECT
        newest.*,
        sharpe_ratio IS NOT NULL AND coalesce(closed_trades, 0) >= {minimum_trades} AS ranked
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
"""
_RANKING = """), ranking AS (
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
    CASE WHEN 2 * ranked_symbols >= symbols THEN row_number() OVER (
        ORDER BY 2 * ranked_symbols >= symbols DESC, median_sharpe_ratio DESC NULLS LAST, strategy
    ) END AS rank,
    ranking.*
FROM ranking
ORDER BY rank, strategy
"""

_WITHIN_UNIVERSE = "\n    WHERE symbol = ANY(:universe)"


def _standing(within: str = "") -> str:
    return _STANDING.format(within=within, minimum_trades=MINIMUM_TRADES)


LEADERBOARD = _standing() + _RANKING
"""Strategies ranked over the universe, highest median Sharpe ratio first.

Compared are only rows of one kind: same source, window and settings as the newest row of all.
A row whose symbol has failed since, in the same source and window, is left out: a result of
yesterday must not stand in for today's failure. Medians, and the mean win rate, are of the
ranked rows (`MINIMUM_TRADES` closed trades and a Sharpe ratio); the worst drawdown, the trades
and the share that beat buying and holding are of all rows. A strategy of which fewer than half
of the rows are ranked has no rank: the few symbols on which a slow strategy traded often are
those that suited it.
"""

LEADERBOARD_OF_UNIVERSE = _standing(_WITHIN_UNIVERSE) + _RANKING
"""The leaderboard of the symbols in ``:universe`` only, an array of text."""

STANDING_OF_UNIVERSE = (
    _standing(_WITHIN_UNIVERSE)
    + """)
SELECT run_id, strategy, symbol, sharpe_ratio, total_return, ranked
FROM standing
ORDER BY strategy, symbol
"""
)
"""The rows that the leaderboard of ``:universe`` is made of."""
