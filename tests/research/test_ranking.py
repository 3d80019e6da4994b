"""Which results a leaderboard counts, and how strategies rank by them: plain frames."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from research.leaderboard_scope import LeaderboardScope, RankedStrategy
from research.ranking import (
    CANDIDATES_SCHEMA,
    FAILURES_SCHEMA,
    MINIMUM_TRADES,
    RANKING_SCHEMA,
    rank_strategies,
    select_backtests,
)

START, END = date(2021, 1, 1), date(2023, 12, 31)
NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def scope(*strategies: str, code_version: str = "code-1") -> LeaderboardScope:
    ranked = {name: RankedStrategy({}, code_version) for name in strategies or ("rsi", "macd")}
    return LeaderboardScope(["S0", "S1"], ranked, "synthetic", START, END, {})


def candidate(strategy: str = "rsi", symbol: str = "S0", **changes: Any) -> dict[str, Any]:
    described: dict[str, Any] = {
        "backtest_id": f"{strategy} {symbol}",
        "run_id": "run-1",
        "part": 0,
        "strategy": strategy,
        "symbol": symbol,
        "code_version": "code-1",
        "saved_at": NOON,
        "closed_trades": MINIMUM_TRADES,
        "total_trades": 7,
    }
    metrics = dict.fromkeys(CANDIDATES_SCHEMA.names()[-6:], 0.25)
    return {**described, **metrics, **changes}


def sharpes(strategy: str, *values: float | None, **changes: Any) -> list[dict[str, Any]]:
    return [
        candidate(strategy, f"S{place}", sharpe_ratio=value, **changes)
        for place, value in enumerate(values)
    ]


def failure(symbol: str = "S0", strategy: str | None = None, **changes: Any) -> dict[str, Any]:
    return {"symbol": symbol, "strategy": strategy, "failed_at": NOON + SECOND, **changes}


def selected(
    rows: list[dict[str, Any]], *failures: dict[str, Any], of: LeaderboardScope | None = None
) -> pl.DataFrame:
    candidates = pl.DataFrame(rows, schema=CANDIDATES_SCHEMA)
    return select_backtests(
        candidates, pl.DataFrame(failures, schema=FAILURES_SCHEMA), of or scope()
    )


def board(*rows: dict[str, Any], of: LeaderboardScope | None = None) -> pl.DataFrame:
    return rank_strategies(selected(list(rows), of=of), of or scope())


def test_no_results_give_an_empty_leaderboard() -> None:
    assert board().is_empty()
    assert board().schema == RANKING_SCHEMA
    assert selected([]).schema == {
        **CANDIDATES_SCHEMA, "ranked": pl.Boolean(), "stale": pl.Boolean(),
    }  # fmt: skip


def test_the_newest_result_of_each_strategy_and_symbol_counts() -> None:
    newer = {"saved_at": NOON + SECOND, "sharpe_ratio": 1.0}
    rows = [
        candidate(**newer),
        candidate(sharpe_ratio=9.0),
        candidate("macd"),
        candidate("rsi", "S1"),
    ]
    found = selected(rows).select("strategy", "symbol", "sharpe_ratio").rows()
    assert found == [("macd", "S0", 0.25), ("rsi", "S0", 1.0), ("rsi", "S1", 0.25)]


def test_results_that_lost_the_capital_count_as_the_lowest() -> None:
    def lost(strategy: str, symbol: str) -> dict[str, Any]:
        ruined = {"total_return": -1.77, "max_drawdown": -1.7, "annualized_return": None}
        return candidate(strategy, symbol, sharpe_ratio=None, **ruined)

    steady = sharpes("steady", 0.5, 0.5, 0.5, 0.5)
    # Of four, two are lost: the median is between a number and none.
    half = [*sharpes("half", 3.0, 3.0), lost("half", "S2"), lost("half", "S3")]
    third = [*sharpes("third", 3.0, 2.0, 1.0), lost("third", "S3")]
    alone = [*sharpes("alone", 3.0), *(lost("alone", f"S{place}") for place in (1, 2, 3))]
    found = board(*steady, *half, *third, *alone, of=scope("steady", "half", "third", "alone"))
    columns = ["rank", "strategy", "ranked_symbols", "median_sharpe_ratio"]
    assert found.select(columns).rows() == [
        (1, "third", 4, 1.5),
        (2, "steady", 4, 0.5),
        (3, "alone", 4, None),
        (4, "half", 4, None),
    ]
    assert found["median_total_return"].to_list() == [0.25, 0.25, -1.77, pytest.approx(-0.76)]
    assert found["median_annualized_return"].to_list() == [0.25, 0.25, None, None]
    few = [lost("rsi", "S0") | {"closed_trades": MINIMUM_TRADES - 1}, *sharpes("macd", 1.0)]
    assert board(*few)["ranked_symbols"].to_list() == [1, 0]


def test_of_results_saved_at_one_time_the_greatest_id_counts() -> None:
    rows = [candidate(backtest_id=one) for one in ("b", "c", "a")]
    assert selected(rows)["backtest_id"].to_list() == ["c"]


@pytest.mark.parametrize("strategy", [None, "rsi"])
def test_a_result_with_a_later_failure_is_left_out(strategy: str | None) -> None:
    rows = sharpes("rsi", 1.0, 2.0)
    assert selected(rows, failure(strategy=strategy))["symbol"].to_list() == ["S1"]


def test_a_failure_without_a_strategy_leaves_out_all_strategies() -> None:
    rows = [*sharpes("rsi", 1.0, 2.0), *sharpes("macd", 1.0)]
    assert selected(rows, failure())["symbol"].to_list() == ["S1"]


@pytest.mark.parametrize(
    "other",
    [{"symbol": "S9"}, {"strategy": "macd"}, {"failed_at": NOON}, {"failed_at": NOON - SECOND}],
    ids=["symbol", "strategy", "same time", "before"],
)
def test_unrelated_and_earlier_failures_leave_out_nothing(other: dict[str, Any]) -> None:
    assert selected(sharpes("rsi", 1.0, 2.0), failure(**other)).height == 2


def test_an_older_result_does_not_replace_a_failed_one() -> None:
    rows = [candidate(saved_at=NOON + 2 * SECOND), candidate(backtest_id="older")]
    after_both = failure(failed_at=NOON + 3 * SECOND)
    assert selected(rows, after_both).is_empty()


def test_a_result_of_older_code_is_ranked_and_counted_as_stale() -> None:
    rows = [candidate("rsi", "S0", code_version="code-2"), candidate("rsi", "S1")]
    now = scope("rsi", code_version="code-2")
    assert selected(rows, of=now)["stale"].to_list() == [False, True]
    counts = board(*rows, of=now).select("rank", "symbols", "ranked_symbols", "stale_symbols")
    assert counts.rows() == [(1, 2, 2, 1)]


def test_after_a_code_change_a_run_of_one_symbol_keeps_the_rank() -> None:
    before = [*sharpes("rsi", 3.0, 3.0, 3.0), *sharpes("macd", 1.0, 1.0, 1.0)]
    again = candidate("rsi", "S0", sharpe_ratio=3.0, code_version="code-2", saved_at=NOON + SECOND)
    strategies = {"rsi": RankedStrategy({}, "code-2"), "macd": RankedStrategy({}, "code-1")}
    now = LeaderboardScope(["S0", "S1", "S2"], strategies, "synthetic", START, END, {})
    ranks = board(*before, again, of=now).select("rank", "strategy", "symbols", "stale_symbols")
    assert ranks.rows() == [(1, "rsi", 3, 2), (2, "macd", 3, 0)]


def test_strategies_rank_by_median_sharpe_then_name_nulls_last() -> None:
    found = board(
        *sharpes("middle", 1.0, 1.5, 9.0),
        *sharpes("best", 2.0, 3.0, 2.5),
        *sharpes("undefined", None, None),
        *sharpes("also_middle", 1.5, 1.5),
    )
    assert found.select("rank", "strategy", "median_sharpe_ratio").rows() == [
        (1, "best", 2.5),
        (2, "also_middle", 1.5),
        (3, "middle", 1.5),
        (None, "undefined", None),
    ]


def test_below_half_of_the_symbols_a_strategy_has_no_rank() -> None:
    seldom = sharpes("seldom", 9.0, 9.0, 9.0, closed_trades=MINIMUM_TRADES - 1)
    seldom[0]["closed_trades"] = MINIMUM_TRADES
    often = sharpes("often", 1.0, 1.0, 1.0)
    often[0]["closed_trades"] = MINIMUM_TRADES - 1
    assert board(*seldom, *often).select("rank", "strategy").rows() == [
        (1, "often"),
        (None, "seldom"),
    ]


def test_at_half_of_the_symbols_a_strategy_has_a_rank() -> None:
    half = sharpes("rsi", 9.0, 9.0, 9.0, None)
    half[0]["closed_trades"] = None
    assert board(*half)["rank"].to_list() == [1]


def test_a_strategy_tested_on_one_of_many_symbols_has_no_rank() -> None:
    found = board(*sharpes("everywhere", 1.0, 1.0, 1.0), *sharpes("once", 9.0))
    assert found.select("rank", "strategy").rows() == [(1, "everywhere"), (None, "once")]


def test_results_with_too_few_trades_are_counted_but_not_ranked() -> None:
    few = {"closed_trades": MINIMUM_TRADES - 1}
    first = {"sharpe_ratio": 1.0, "max_drawdown": -0.1, "win_rate": 0.5}
    found = board(
        *sharpes("lucky", 9.0, **few),
        candidate("rsi", "S0", **first),
        candidate("rsi", "S1", sharpe_ratio=7.0, max_drawdown=-0.9, win_rate=1.0, **few),
    )
    assert found["strategy"].to_list() == ["rsi", "lucky"]
    measured = ["symbols", "ranked_symbols", "median_sharpe_ratio", "mean_win_rate"]
    assert found.select(measured).rows() == [(2, 1, 1.0, 0.5), (1, 0, None, None)]
    assert found.select("median_max_drawdown", "worst_max_drawdown").row(0) == (-0.1, -0.9)


def test_trades_and_share_beating_benchmark_count_all_rows() -> None:
    returns = [(0.3, 0.1), (0.1, 0.3), (0.2, 0.2), (0.5, 0.4), (None, 0.1)]
    rows = [
        candidate("rsi", f"S{n}", total_return=own, benchmark_return=held, closed_trades=0)
        for n, (own, held) in enumerate(returns)
    ]
    found = board(*rows)
    assert found.select("total_trades", "share_beating_benchmark").row(0) == (35, 0.5)
    described = found.select("start_date", "end_date", "source").row(0)
    assert described == (START, END, "synthetic")


def test_an_aggregate_of_no_values_is_null() -> None:
    nothing = dict.fromkeys(["total_return", "win_rate", "max_drawdown", "annualized_return"])
    (found,) = board(*sharpes("rsi", 1.0, 2.0, **nothing)).to_dicts()
    assert {name for name, value in found.items() if value is None} == {
        *("median_total_return", "mean_win_rate", "median_max_drawdown", "worst_max_drawdown"),
        *("median_annualized_return", "share_beating_benchmark", "verdict"),
        *("residual_sharpe_ratio", "doubled_costs_sharpe_ratio"),
        *("portfolio_return", "portfolio_sharpe"),
    }


def test_the_verdict_of_a_strategy_stands_beside_its_rank() -> None:
    rows = [*sharpes("rsi", 2.0), *sharpes("macd", 1.0)]
    ranking = rank_strategies(selected(rows), scope(), {"macd": "promising", "other": "deployable"})
    shown = ranking.select("rank", "strategy", "verdict").rows()
    assert shown == [(1, "rsi", None), (2, "macd", "promising")]


def test_what_doubled_costs_leave_stands_beside_the_rank() -> None:
    rows = [*sharpes("rsi", 2.0), *sharpes("macd", 1.0)]
    ranking = rank_strategies(selected(rows), scope(), None, {"macd": (0.4, None), "other": (1, 2)})
    shown = ranking.select("strategy", "residual_sharpe_ratio", "doubled_costs_sharpe_ratio").rows()
    assert shown == [("rsi", None, None), ("macd", 0.4, None)]


def by_hand(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the results of PostgreSQL's ``percentile_cont`` and ``avg``, in plain Python."""
    ranked = [row for row in rows if row["closed_trades"] >= MINIMUM_TRADES]
    aggregates: dict[str, Any] = {}
    for name in ("sharpe_ratio", "total_return", "annualized_return", "max_drawdown"):
        values = sorted(row[name] for row in ranked)
        low, high = values[(len(values) - 1) // 2], values[len(values) // 2]
        aggregates[f"median_{name}"] = low + 0.5 * (high - low)
    total = 0.0
    for row in sorted(ranked, key=lambda row: row["symbol"]):
        total += row["win_rate"]
    beating = sum(row["total_return"] > row["benchmark_return"] for row in rows)
    return aggregates | {
        "mean_win_rate": total / len(ranked),
        "worst_max_drawdown": min(row["max_drawdown"] for row in rows),
        "share_beating_benchmark": beating / len(rows),
    }


@pytest.mark.parametrize("seed", range(5))
def test_aggregates_do_not_depend_on_the_order_of_rows(seed: int) -> None:
    random = np.random.default_rng(seed)
    rows = [
        candidate(
            symbol=f"S{number:03}",
            closed_trades=int(random.integers(3, 12)),
            **dict(zip(CANDIDATES_SCHEMA.names()[-6:], random.normal(size=6), strict=True)),
        )
        for number in range(int(random.integers(50, 120)))
    ]
    found = board(*rows)
    expected = by_hand(rows)
    assert {name: found[name][0] for name in expected} == expected
    random.shuffle(rows)
    assert_frame_equal(board(*rows), found, check_exact=True)
