"""The results that the store returns for a ranking, and stored leaderboards."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from research.leaderboard_scope import Coverage, RankedStrategy
from research.purpose import Purpose
from research.ranking import LEADERBOARD_SCHEMA, RANKING_SCHEMA, rank_strategies
from research.stages import RESEARCH_STAGES
from resources.result_store.manager import BacktestPersistenceManager
from tests.resources.result_store.leaderboards import save_leaderboard, scope, sharpes
from tests.resources.result_store.rows import (
    ATTEMPTED,
    failure,
    identifier,
    record_failures,
    record_run,
    result,
    save,
)

OTHER_SCOPES: list[dict[str, Any]] = [
    {"source": "sample"},
    {"start_date": date(2020, 1, 1)},
    {"end_date": date(2024, 1, 1)},
    {"settings": {"fees": 0.0}},
    {"parameters": {"fast_period": 5}},
]


def _ranked(manager: BacktestPersistenceManager, **changes: Any) -> list[tuple[str, float]]:
    found = manager.get_ranked_backtests(scope(**changes))
    return found.select("symbol", "sharpe_ratio").rows()


@pytest.mark.parametrize("other", OTHER_SCOPES, ids=lambda other: next(iter(other)))
def test_results_outside_of_the_scope_are_not_ranked(
    manager: BacktestPersistenceManager, other: dict[str, Any]
) -> None:
    save(manager, *sharpes("rsi", 1.0, 2.0))
    save(manager, *sharpes("rsi", 9.0, 9.0, **other), run_id="run-2")
    assert _ranked(manager) == [("S0", 1.0), ("S1", 2.0)]


def test_parameters_equal_in_meaning_are_the_same_parameter_set(
    manager: BacktestPersistenceManager,
) -> None:
    save(manager, *sharpes("rsi", 1.0, parameters={"n": 20.0}))
    asked = {"rsi": RankedStrategy({"n": 20}, "code-1")}
    assert _ranked(manager, strategies=asked) == [("S0", 1.0)]


def test_results_and_failures_may_be_those_until_a_time(
    manager: BacktestPersistenceManager,
) -> None:
    save(manager, *sharpes("rsi", 1.0, 2.0))
    until = manager.get_ranked_backtests(scope())["saved_at"].max()
    assert isinstance(until, datetime)
    early = until - timedelta(microseconds=1)
    save(manager, *sharpes("rsi", 9.0, data_version="data-2"), run_id="run-2")
    record_run(manager, run_id="run-2")
    record_failures(manager, "run-2", failure(symbol="S1", strategy="rsi"))
    found = [
        manager.get_ranked_backtests(scope(), one).select("symbol", "sharpe_ratio").rows()
        for one in (None, until, early)
    ]
    assert found == [[("S0", 9.0)], [("S0", 1.0), ("S1", 2.0)], []]


def test_symbols_and_strategies_out_of_scope_are_not_ranked(
    manager: BacktestPersistenceManager,
) -> None:
    save(manager, *sharpes("rsi", 1.0, 2.0, 3.0), *sharpes("deleted", 9.0, 9.0))
    found = manager.get_ranked_backtests(scope(universe=["S0", "S2", "UNKNOWN"]))
    assert found.select("strategy", "symbol").rows() == [("rsi", "S0"), ("rsi", "S2")]
    assert manager.get_ranked_backtests(scope(universe=[])).is_empty()


@pytest.mark.parametrize("purpose", [one for one in Purpose if one is not Purpose.PIPELINE])
def test_results_of_another_purpose_are_not_ranked(
    manager: BacktestPersistenceManager, purpose: Purpose
) -> None:
    save(manager, *sharpes("rsi", 1.0, 2.0))
    revised = sharpes("rsi", 9.0, 9.0, 9.0, data_version="data-2")
    save(manager, *revised, run_id="run-2", purpose=purpose)
    assert _ranked(manager) == [("S0", 1.0), ("S1", 2.0)]
    assert _ranked(manager, purpose=purpose) == [("S0", 9.0), ("S1", 9.0)]


def test_a_revised_result_supersedes_the_older_one(manager: BacktestPersistenceManager) -> None:
    save(manager, *sharpes("rsi", 9.0, 9.0))
    save(manager, *sharpes("rsi", 1.0, data_version="data-2"), run_id="run-2")
    assert _ranked(manager) == [("S0", 1.0), ("S1", 9.0)]
    save(manager, cached=[identifier(sharpes("rsi", 9.0)[0])], run_id="run-3")
    assert _ranked(manager) == [("S0", 9.0), ("S1", 9.0)]


@pytest.mark.parametrize("strategy", [None, "rsi"])
def test_a_failed_symbol_is_left_out_until_it_succeeds_again(
    manager: BacktestPersistenceManager, strategy: str | None
) -> None:
    save(manager, *sharpes("rsi", 1.0, 2.0))
    record_run(manager, run_id="run-2")
    record_failures(manager, "run-2", failure(symbol="S0", strategy=strategy))
    assert _ranked(manager) == [("S1", 2.0)]
    save(manager, cached=[identifier(sharpes("rsi", 1.0)[0])], run_id="run-3")
    assert _ranked(manager) == [("S0", 1.0), ("S1", 2.0)]


@pytest.mark.parametrize(
    "other",
    [
        {"symbol": "S9"},
        {"strategy": "macd"},
        {"source": "sample"},
        {"start_date": date(2020, 1, 1)},
        {"end_date": date(2024, 1, 1)},
        {"purpose": Purpose.REQUEST},
        *({"stage": one} for one in RESEARCH_STAGES),
    ],
    ids=str,
)
def test_a_failure_outside_of_the_scope_leaves_out_nothing(
    manager: BacktestPersistenceManager, other: dict[str, Any]
) -> None:
    save(manager, *sharpes("rsi", 1.0, 2.0))
    what = {name: other[name] for name in ("symbol", "strategy") if name in other}
    attempted = {name: other[name] for name in (*ATTEMPTED, "stage") if name in other}
    record_run(manager, run_id="run-2", purpose=other.get("purpose", Purpose.PIPELINE))
    record_failures(manager, "run-2", failure(**{"symbol": "S0", **what}), **attempted)
    assert len(_ranked(manager)) == 2


@pytest.mark.parametrize("seed", range(5))
def test_only_the_newest_row_in_scope_is_ranked(
    manager: BacktestPersistenceManager, seed: int
) -> None:
    random = np.random.default_rng(seed)
    expected: dict[tuple[str, str], float] = {}
    for number in range(60):
        symbol, strategy, code, parameter, fees, data = random.integers(0, [4, 3, 2, 2, 2, 5])
        row = result(
            symbol=f"S{symbol}",
            strategy=f"strategy_{strategy}",
            code_version=f"code-{code}",
            parameters={"n": int(parameter)},
            settings={"fees": int(fees) / 1000},
            data_version=f"data-{data}",
            sharpe_ratio=float(random.normal()),
        )
        save(manager, row, run_id=f"run-{number}")
        if (parameter, fees) == (1, 1):
            expected[row["strategy"], row["symbol"]] = row["sharpe_ratio"]
    asked = scope(
        universe=[f"S{number}" for number in range(4)],
        strategies={f"strategy_{n}": RankedStrategy({"n": 1}, "code-1") for n in range(3)},
        settings={"fees": 0.001},
    )
    found = manager.get_ranked_backtests(asked).select("strategy", "symbol", "sharpe_ratio")
    assert {(strategy, symbol): value for strategy, symbol, value in found.rows()} == expected


def test_a_leaderboard_is_read_as_it_was_saved(manager: BacktestPersistenceManager) -> None:
    first = save_leaderboard(manager, "run-1", {"rsi": 0.1 + 0.2, "seldom": None})
    second = save_leaderboard(manager, "run-2", {"macd": 1 / 3})
    ranking = RANKING_SCHEMA.names()
    assert manager.get_leaderboard("run-1").select(ranking).equals(first)
    shared = manager.get_leaderboard("run-2")
    assert shared.select(ranking).equals(second)
    assert manager.get_leaderboard().equals(shared)
    compared = ["purpose", "covered_symbols", "universe_symbols", "fees", "slippage"]
    assert shared.select(compared).rows() == [("pipeline", 1, 2, 0.001, None)]
    assert abs(datetime.now(UTC) - shared["made_at"][0]) < timedelta(minutes=5)


@pytest.mark.parametrize(
    ("other", "newest"),
    [
        ({"coverage": 0.5}, "run-1"),
        ({"coverage": 0.75}, "run-2"),
        ({"purpose": Purpose.WHAT_IF}, "run-1"),
    ],
    ids=["of less", "of as much", "what-if"],
)
def test_only_a_configured_leaderboard_of_no_less_is_shared(
    manager: BacktestPersistenceManager, other: dict[str, Any], newest: str
) -> None:
    save_leaderboard(manager, "run-1", {"rsi": 1.0}, coverage=0.75)
    save_leaderboard(manager, "run-2", {"macd": 2.0}, settings={"fees": 0.002}, **other)
    assert manager.get_leaderboard().equals(manager.get_leaderboard(newest))
    assert manager.is_leaderboard_shared("run-1")
    assert manager.is_leaderboard_shared("run-2") is (newest == "run-2")
    assert manager.is_leaderboard_shared("run-3") is None


def test_comparisons_have_the_settings_of_the_shared_board(
    manager: BacktestPersistenceManager,
) -> None:
    save_leaderboard(manager, "run-1", {"rsi": 1.0, "macd": 2.0})
    # Newer, but of one strategy and other settings, and of no leaderboard that is shared.
    save(manager, *sharpes("rsi", 9.0, settings={"fees": 0.002}), run_id="run-2")
    best = manager.get_best_performing_strategies()
    assert [(row["strategy"], row["sharpe_ratio"]) for row in best] == [("macd", 2.0), ("rsi", 1.0)]
    assert [row["strategy"] for row in manager.compare_strategies()] == ["macd", "rsi"]


@pytest.mark.parametrize("run_id", [None, "run-1"])
def test_a_store_without_leaderboards_returns_an_empty_one(
    manager: BacktestPersistenceManager, run_id: str | None
) -> None:
    board = manager.get_leaderboard(run_id)
    assert board.is_empty()
    assert board.schema == LEADERBOARD_SCHEMA


def test_a_leaderboard_is_stored_with_what_it_compared(manager: BacktestPersistenceManager) -> None:
    save_leaderboard(manager, "run-1", {"rsi": 1.0, "macd": 2.0})
    assert manager.get_leaderboard_scope("run-1") == scope("rsi", "macd")
    assert manager.get_leaderboard_scope("run-2") is None


def test_a_run_that_ranks_again_replaces_its_leaderboard(
    manager: BacktestPersistenceManager,
) -> None:
    save_leaderboard(manager, "run-1", {"rsi": 1.0, "macd": 2.0})
    again = scope("rsi")
    board = rank_strategies(manager.get_ranked_backtests(again), again)
    manager.save_leaderboard("run-1", again, board, Coverage(2, 2, 1.0))
    assert manager.get_leaderboard("run-1")["strategy"].to_list() == ["rsi"]
    assert manager.get_leaderboard_scope("run-1") == again
