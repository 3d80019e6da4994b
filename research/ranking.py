"""The leaderboard's rules: which results count, and how strategies rank by them.

Frames in, frames out; where the results come from is for others.
"""

import math
from collections.abc import Collection, Mapping

import polars as pl

from research.leaderboard_scope import Coverage, LeaderboardScope

MINIMUM_TRADES = 5
"""Closed trades below which a backtest is not ranked.

One or two lucky trades give the best Sharpe ratios of any universe; with five, luck alone is
right every time in 3 % of cases (0.5 ** 5).
"""

IS_LOST = pl.col("max_drawdown") <= -1.0
"""Whether the capital of a backtest was lost at some time: it has no ratios of returns then."""

Pair = tuple[float | None, float | None]

CANDIDATES_SCHEMA = pl.Schema(
    {
        "backtest_id": pl.String(),
        "run_id": pl.String(),
        "part": pl.Int64(),
        "strategy": pl.String(),
        "symbol": pl.String(),
        "code_version": pl.String(),
        "saved_at": pl.Datetime("us", "UTC"),
        "closed_trades": pl.Int64(),
        "total_trades": pl.Int64(),
        "sharpe_ratio": pl.Float64(),
        "total_return": pl.Float64(),
        "annualized_return": pl.Float64(),
        "max_drawdown": pl.Float64(),
        "win_rate": pl.Float64(),
        "benchmark_return": pl.Float64(),
    }
)
"""Results of one scope; `saved_at` is when a run of the scope's purpose last had the result."""

FAILURES_SCHEMA = pl.Schema(
    {
        "symbol": pl.String(),
        "strategy": pl.String(),
        "failed_at": pl.Datetime("us", "UTC"),
    }
)
"""What failed in runs of one scope; no strategy means that all of them did."""

RANKING_SCHEMA = pl.Schema(
    {
        "rank": pl.Int64(),
        "strategy": pl.String(),
        "verdict": pl.String(),
        "symbols": pl.Int64(),
        "ranked_symbols": pl.Int64(),
        "stale_symbols": pl.Int64(),
        "median_sharpe_ratio": pl.Float64(),
        "median_total_return": pl.Float64(),
        "median_annualized_return": pl.Float64(),
        "median_max_drawdown": pl.Float64(),
        "worst_max_drawdown": pl.Float64(),
        "mean_win_rate": pl.Float64(),
        "total_trades": pl.Int64(),
        "share_beating_benchmark": pl.Float64(),
        "portfolio_return": pl.Float64(),
        "portfolio_sharpe": pl.Float64(),
        "residual_sharpe_ratio": pl.Float64(),
        "doubled_costs_sharpe_ratio": pl.Float64(),
        "start_date": pl.Date(),
        "end_date": pl.Date(),
        "source": pl.String(),
    }
)
"""Strategies, best first; those without a rank come last. No verdict: it was not judged.

The Sharpe ratios of the residual curve, beyond the market, are at the costs of the run and at twice
as much; null where robustness was not tested. `portfolio_return` and `portfolio_sharpe` are those
of the account that trades the strategy over the universe; null where there is none.
"""

LEADERBOARD_SCHEMA = pl.Schema(
    {
        **RANKING_SCHEMA,
        "purpose": pl.String(),
        "covered_symbols": pl.Int64(),
        "universe_symbols": pl.Int64(),
        "fees": pl.Float64(),
        "slippage": pl.Float64(),
        "costs": pl.String(),
        "made_at": pl.Datetime("us", "UTC"),
    }
)
"""A ranking as it is stored, with what it compares and when it was made in each row.

`costs` is the composition as JSON; without one it is null, and otherwise `fees` and `slippage` are.
`covered_symbols` have a result that counts, `universe_symbols` were listed in the window.
"""


def select_backtests(
    candidates: pl.DataFrame, failures: pl.DataFrame, scope: LeaderboardScope
) -> pl.DataFrame:
    """Return the results that a leaderboard counts, by strategy and symbol.

    Of each strategy and symbol the newest result counts, unless it has failed since: a result of
    yesterday must not stand in for today's failure.

    Parameters
    ----------
    candidates, failures
        With `CANDIDATES_SCHEMA` and `FAILURES_SCHEMA`.

    Returns
    -------
    pl.DataFrame
        The columns of `candidates`, ``ranked``: whether it has at least `MINIMUM_TRADES` closed
        trades, and a Sharpe ratio or lost its capital, and ``stale``: whether another version of
        the strategy's code than the scope's made it.
    """
    newest = candidates.sort("saved_at", "backtest_id").unique(
        ["strategy", "symbol"], keep="last", maintain_order=True
    )
    counted = newest.join(
        _find_failed_since(newest, failures), on=["strategy", "symbol"], how="anti"
    )
    current = {name: one.code_version for name, one in scope.strategies.items()}
    enough = pl.col("closed_trades").fill_null(0) >= MINIMUM_TRADES
    version = pl.col("strategy").replace_strict(current, default=None, return_dtype=pl.String)
    return counted.with_columns(
        ranked=(pl.col("sharpe_ratio").is_not_null() | IS_LOST.fill_null(value=False)) & enough,
        stale=pl.col("code_version").ne_missing(version),
    ).sort("strategy", "symbol")


def _find_failed_since(newest: pl.DataFrame, failures: pl.DataFrame) -> pl.DataFrame:
    """Return strategy and symbol of the results that are older than a failure of the same."""
    other = pl.col("strategy") != pl.col("failed_strategy")
    return (
        newest.join(failures.rename({"strategy": "failed_strategy"}), on="symbol")
        .filter(pl.col("failed_at") > pl.col("saved_at"), ~other.fill_null(False))
        .select("strategy", "symbol")
    )


def measure_coverage(
    backtests: pl.DataFrame,
    failures: pl.DataFrame,
    scope: LeaderboardScope,
    listed: Collection[str],
) -> Coverage:
    """Return how much of its universe a leaderboard is of.

    Parameters
    ----------
    backtests
        The results that it counts, as `select_backtests` returns them.
    failures
        With `FAILURES_SCHEMA`.
    listed
        The symbols of the universe that were listed in the window.
    """
    counted = set(backtests.select("symbol", "strategy").iter_rows())
    failed = {
        (symbol, name)
        for symbol, strategy in failures.select("symbol", "strategy").iter_rows()
        for name in ([strategy] if strategy else scope.strategies)
    }
    expected = {(symbol, name) for symbol in listed for name in scope.strategies}
    return Coverage(
        symbols=len({symbol for symbol, _ in counted & expected}),
        universe_symbols=len(listed),
        share=len((counted | failed) & expected) / len(expected) if expected else 1.0,
    )


def rank_strategies(
    backtests: pl.DataFrame,
    scope: LeaderboardScope,
    verdicts: Mapping[str, str] | None = None,
    doubled_costs: Mapping[str, Pair] | None = None,
    portfolios: Mapping[str, Pair] | None = None,
) -> pl.DataFrame:
    """Return the leaderboard of the results of `select_backtests`: `RANKING_SCHEMA`.

    The highest median Sharpe ratio is best. Medians, and the mean win rate, are of the ranked
    results; the worst drawdown, the trades and the share that beat buying and holding are of all.
    A strategy that is ranked on fewer than half of the symbols has no rank: it was not tested on
    the others, or hardly traded them, and the few on which a slow strategy traded often are those
    that suited it.

    A result that lost its capital counts as the lowest of all where it has no number. A median that
    falls on one is null, and the last of the ranks.

    Beside the rank stands a strategy's verdict, by name in `verdicts`: of many strategies one is
    best by luck as well. So do the Sharpe ratios beyond the market of `doubled_costs`, by name: as
    the costs are, and at twice the costs; and those of `portfolios`: return and Sharpe ratio of the
    account that trades it.
    """
    beating = pl.col("total_return") > pl.col("benchmark_return")
    representative = 2 * pl.col("ranked_symbols") >= backtests["symbol"].n_unique()
    measured = (
        backtests.sort("strategy", "symbol")
        .group_by("strategy", maintain_order=True)
        .agg(
            pl.len().alias("symbols"),
            pl.col("ranked").sum().alias("ranked_symbols"),
            pl.col("stale").sum().alias("stale_symbols"),
            _compute_median("sharpe_ratio"),
            _compute_median("total_return"),
            _compute_median("annualized_return"),
            _compute_median("max_drawdown"),
            pl.col("max_drawdown").min().alias("worst_max_drawdown"),
            _compute_mean("win_rate"),
            pl.col("total_trades").sum(),
            beating.mean().alias("share_beating_benchmark"),
        )
        .with_columns(representative.alias("representative"))
        .sort(
            "representative", "median_sharpe_ratio", "strategy",
            descending=[True, True, False], nulls_last=True,
        )
    )  # fmt: skip
    rank = pl.when("representative").then(pl.int_range(1, pl.len() + 1)).alias("rank")
    of_scope = {name: pl.lit(getattr(scope, name)) for name in ("start_date", "end_date", "source")}
    verdict = pl.col("strategy").replace_strict(
        dict(verdicts or {}), default=None, return_dtype=pl.String
    )
    beside = {
        **_spread("portfolio_return", "portfolio_sharpe", portfolios),
        **_spread("residual_sharpe_ratio", "doubled_costs_sharpe_ratio", doubled_costs),
    }
    board = measured.with_columns(rank, verdict=verdict, **beside, **of_scope).sort(
        "rank", "strategy", nulls_last=True
    )
    return board.select(RANKING_SCHEMA.names()).cast(RANKING_SCHEMA)


def _spread(first: str, second: str, pairs: Mapping[str, Pair] | None) -> dict[str, pl.Expr]:
    """Return two columns of what is known of strategies by their names."""
    return {
        name: pl.col("strategy").replace_strict(
            {strategy: both[place] for strategy, both in (pairs or {}).items()},
            default=None,
            return_dtype=pl.Float64,
        )
        for place, name in enumerate((first, second))
    }


def _compute_median(name: str) -> pl.Expr:
    """Return the median of the ranked; of two in the middle, the mean as PostgreSQL rounds it."""
    lowest = pl.when(pl.col(name).is_null() & IS_LOST).then(-math.inf).otherwise(pl.col(name))
    median = lowest.filter("ranked").quantile(0.5, "linear")
    # Of the mean with an infinite one comes no number.
    return pl.when(median.is_finite()).then(median).alias(f"median_{name}")


def _compute_mean(name: str) -> pl.Expr:
    """Return the mean of the ranked, added up in the order of symbols: the same bits every time."""
    values = pl.col(name).filter("ranked").drop_nulls()
    return (values.cum_sum().last() / values.len()).alias(f"mean_{name}")
