"""The views that people and dashboards query, and the statements behind them.

Migrations hold frozen copies of their own; a test compares the newest of them with this file.
"""

from research.ranking import CANDIDATES_SCHEMA

NEWEST = """
WITH RECURSIVE pairs AS (
    (
        SELECT symbol, strategy
        FROM run_backtests
        WHERE purpose = {purpose}
        ORDER BY symbol, strategy
        LIMIT 1
    )
    UNION ALL
    SELECT following.symbol, following.strategy
    FROM pairs
    CROSS JOIN LATERAL (
        SELECT symbol, strategy
        FROM run_backtests
        WHERE purpose = {purpose} AND (symbol, strategy) > (pairs.symbol, pairs.strategy)
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
    WHERE members.purpose = {purpose}
        AND members.symbol = pairs.symbol AND members.strategy = pairs.strategy{within}
    ORDER BY members.saved_at DESC, members.backtest_id DESC
    LIMIT 1
) AS newest
"""
"""The newest result of each symbol and strategy; with the purpose, and what else must hold."""

LATEST_BACKTESTS = NEWEST.format(purpose="'pipeline'", within="")
"""One row per symbol and strategy: that of the newest pipeline run, whatever window and settings.

What the pipeline does not have, say what only an analyst has asked for, is left out. One index
gives one pair after the other and the newest result of each: no other row is read, however many
there are.
"""

NEWEST_COMPARABLE = NEWEST.format(
    purpose=":purpose",
    within="""
        AND (source, start_date, end_date, settings) = (
            SELECT source, start_date, end_date, settings
            FROM (
                (
                    SELECT 1 AS place, source, start_date, end_date, scope -> 'settings' AS settings
                    FROM leaderboards
                    WHERE purpose = :purpose AND shared
                    ORDER BY made_at DESC, run_id DESC
                    LIMIT 1
                )
                UNION ALL
                (
                    SELECT 2 AS place, source, start_date, end_date, settings
                    FROM run_backtests
                    JOIN backtests ON id = backtest_id
                    WHERE purpose = :purpose
                    ORDER BY saved_at DESC, backtest_id DESC
                    LIMIT 1
                )
            ) AS scopes
            ORDER BY place
            LIMIT 1
        )""",
)
"""The same of any purpose, on the source, window and settings of its shared leaderboard.

Where there is none, on those of its newest result.
"""

_OWN = ("backtest_id", "saved_at")
_COLUMNS = ", ".join(f"backtests.{name}" for name in CANDIDATES_SCHEMA if name not in _OWN)

CANDIDATES = f"""
SELECT newest.*
FROM unnest(CAST(:universe AS text[])) AS symbols (symbol)
CROSS JOIN jsonb_each(CAST(:strategies AS jsonb)) AS strategies (strategy, ranked)
CROSS JOIN LATERAL (
    SELECT backtests.id::text AS backtest_id, members.saved_at, {_COLUMNS}
    FROM run_backtests AS members
    JOIN backtests ON backtests.id = members.backtest_id
    WHERE members.purpose = :purpose
        AND members.symbol = symbols.symbol AND members.strategy = strategies.strategy
        AND parameters = ranked -> 'parameters'
        AND source = :source AND start_date = :start_date AND end_date = :end_date
        AND settings = CAST(:settings AS jsonb)
        AND members.saved_at <= CAST(:until AS timestamptz)
    ORDER BY members.saved_at DESC, members.backtest_id DESC
    LIMIT 1
) AS newest
"""  # noqa: S608 - our own text
"""The newest result of each symbol and strategy of a leaderboard's scope, as it was at a time."""

_LEADERBOARD = """
SELECT
    rank, strategy, verdict, symbols, ranked_symbols, stale_symbols, median_sharpe_ratio,
    median_total_return, median_annualized_return, median_max_drawdown, worst_max_drawdown,
    mean_win_rate, total_trades, share_beating_benchmark, portfolio_return, portfolio_sharpe,
    residual_sharpe_ratio, doubled_costs_sharpe_ratio, start_date, end_date, source,
    purpose, covered_symbols, universe_symbols,
    (scope -> 'settings' ->> 'fees')::double precision AS fees,
    (scope -> 'settings' ->> 'slippage')::double precision AS slippage,
    scope -> 'settings' ->> 'costs' AS costs, made_at
FROM leaderboard_rows
JOIN leaderboards USING (run_id)
WHERE run_id = {run_id}
ORDER BY rank, strategy
"""

LEADERBOARD = _LEADERBOARD.format(
    run_id="""(
    SELECT run_id
    FROM leaderboards
    WHERE purpose = 'pipeline' AND shared
    ORDER BY made_at DESC, run_id DESC
    LIMIT 1
)"""
)
"""The newest shared leaderboard; what counts and how it ranks: `research.ranking`."""

LEADERBOARD_OF_RUN = _LEADERBOARD.format(run_id=":run_id")

TRIALS = """
SELECT
    trial_records.id, strategy, parameters, protocol, source, symbols,
    cardinality(symbols) AS universe_symbols, tested_symbols, start_date, end_date, settings,
    data_version, universe_version, code_version, activity, beta, residual_return,
    residual_sharpe_ratio, purpose, run_id, run_user, recorded_at, scope_id
FROM trial_records
JOIN trial_scopes ON trial_scopes.id = scope_id
"""
"""Every trial of the ledger with its scope, without the curves."""
