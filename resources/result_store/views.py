"""The two views that people and dashboards query: their SQL as it stands today.

Migrations hold frozen copies of their own; a test compares the newest of them with this file.
Both rest on the server's clock alone: `updated_at` and `failed_at` are its `now()`.
"""

MINIMUM_TRADES = 5
"""Closed trades below which a backtest is not ranked.

One or two lucky trades give the best Sharpe ratios of any universe; with five, luck alone is
right every time in 3 % of cases (0.5 ** 5).
"""

_PIPELINE = "id IN (SELECT backtest_id FROM run_backtests WHERE purpose = 'pipeline')"

LATEST_BACKTESTS = """
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
SELECT backtests.*
FROM pairs
CROSS JOIN LATERAL (
    SELECT backtest_id
    FROM run_backtests
    WHERE purpose = 'pipeline' AND symbol = pairs.symbol AND strategy = pairs.strategy
    ORDER BY saved_at DESC, backtest_id DESC
    LIMIT 1
) AS newest
JOIN backtests ON backtests.id = newest.backtest_id
"""
"""One row per symbol and strategy: that of the newest pipeline run, whatever window and settings.

What the pipeline did not save, say an analyst's request, is left out. One index gives each pair
after the other and the newest result of each, so that no other row is read, however many there are.
"""

# Every step goes by symbol and strategy, whose index is in the order of saving: each pair's newest
# row is the first that fits. So of the wide rows only the newest are read, and none are sorted.
_STANDING = """
WITH comparison AS (
    SELECT source, start_date, end_date, settings
    FROM backtests
    WHERE {not_asked}{within}
    ORDER BY updated_at DESC, id DESC
    LIMIT 1
), pairs AS (
    SELECT DISTINCT symbol, strategy
    FROM backtests{chosen}
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
            AND {not_asked}
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
            AND {not_asked}
        ORDER BY updated_at DESC, id DESC
        LIMIT 1
    ) AS newest_of_version
), standing AS (
    SELECT
        newest.*,
        sharpe_ratio IS NOT NULL AND coalesce(closed_trades, 0) >= {minimum_trades} AS ranked
    FROM newest
    WHERE NOT EXISTS (
        SELECT FROM failures
        WHERE failures.run_id IN (SELECT run_id FROM backtest_runs WHERE purpose = 'pipeline')
            AND failures.symbol = newest.symbol
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
        avg((total_return > benchmark_return)::int)::float8 AS share_beating_benchmark,
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

_CHOSEN = "symbol = ANY(:universe) AND strategy = ANY(:strategies)"

_WITHIN_COMPARISON = f"""
        AND {_CHOSEN} AND source = :source
        AND start_date = :start_date AND end_date = :end_date
        AND settings = CAST(:settings AS jsonb)"""


def _standing(within: str = "", chosen: str = "") -> str:
    return _STANDING.format(
        within=within,
        chosen=f"\n    WHERE {chosen}" if chosen else "",
        not_asked=_PIPELINE,
        minimum_trades=MINIMUM_TRADES,
    )


LEADERBOARD = _standing() + _RANKING
"""Strategies ranked over the universe, highest median Sharpe ratio first.

Compared are only rows of one kind: same source, window and settings as the newest row of all,
and of each strategy the parameters and the code version of its own newest row. What only a request
of an analyst has made, or failed at, counts nowhere.
A row whose symbol has failed since, in the same source and window, is left out: a result of
yesterday must not stand in for today's failure. Medians, and the mean win rate, are of the
ranked rows (`MINIMUM_TRADES` closed trades and a Sharpe ratio); the worst drawdown, the trades
and the share that beat buying and holding are of all rows. A strategy that is ranked on fewer
than half of the symbols has no rank: it was not tested on the others, or hardly traded them, and
the few on which a slow strategy traded often are those that suited it.
"""

LEADERBOARD_OF = _standing(_WITHIN_COMPARISON, _CHOSEN) + _RANKING
"""The leaderboard of one comparison: symbols, strategies, source, window and settings."""

STANDING_OF = (
    _standing(_WITHIN_COMPARISON, _CHOSEN)
    + """)
SELECT id::text AS backtest_id, run_id, part, strategy, symbol, sharpe_ratio, total_return, ranked
FROM standing
ORDER BY strategy, symbol
"""
)
"""The rows that the leaderboard of one comparison is made of."""
