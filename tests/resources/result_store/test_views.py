"""The public views: what they show, what they rank, and what they leave out."""

from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest
import sqlalchemy as sa

from research.purpose import Purpose
from resources.result_store.frame_schemas import BACKTESTS
from resources.result_store.leaderboard_scope import Comparison
from resources.result_store.manager import BacktestPersistenceManager
from resources.result_store.queries import LEADERBOARD_SCHEMA
from resources.result_store.views import MINIMUM_TRADES
from tests.resources.result_store.rows import (
    ATTEMPTED,
    failure,
    identifier,
    record_failures,
    record_run,
    result,
    save,
)

OTHER_KINDS = [
    {"source": "sample"},
    {"start_date": date(2020, 1, 1)},
    {"end_date": date(2024, 1, 1)},
    {"settings": {"fees": 0.0}},
]


def _sharpes(strategy: str, *values: float | None, **changes: Any) -> list[dict[str, Any]]:
    return [
        result(strategy=strategy, symbol=f"S{place}", sharpe_ratio=value, **changes)
        for place, value in enumerate(values)
    ]


def _symbols(manager: BacktestPersistenceManager) -> dict[str, int]:
    board = manager.leaderboard()
    return dict(zip(board["strategy"].to_list(), board["symbols"].to_list(), strict=True))


def test_latest_backtests_has_every_column_of_backtests(
    manager: BacktestPersistenceManager,
) -> None:
    columns = sa.inspect(manager.engine).get_columns("latest_backtests")
    assert sorted(column["name"] for column in columns) == sorted(BACKTESTS.columns.keys())


def test_latest_backtests_has_one_row_a_symbol_and_strategy_the_newest(
    manager: BacktestPersistenceManager,
) -> None:
    save(manager, result(), result(symbol="MSFT"), result(strategy="rsi"))
    save(manager, result(code_version="code-2"))
    query = sa.text("SELECT symbol, strategy, code_version FROM latest_backtests ORDER BY 1, 2")
    with manager.engine.connect() as connection:
        assert [tuple(row) for row in connection.execute(query)] == [
            ("AAPL", "rsi", "code-1"),
            ("AAPL", "sma_cross", "code-2"),
            ("MSFT", "sma_cross", "code-1"),
        ]


def test_what_an_analyst_asked_for_is_neither_latest_nor_decides_what_is_compared(
    manager: BacktestPersistenceManager,
) -> None:
    plain = {"closed_trades": MINIMUM_TRADES}
    save(manager, result(**plain), result(symbol="MSFT", **plain))
    asked = {"run_id": "asked", "settings": {"fees": 0.0}, "sharpe_ratio": 99.0}
    rows = result(**asked, **plain), result(symbol="IBM", **asked)
    save(manager, *rows, run_id="asked", purpose=Purpose.REQUEST)
    query = sa.text("SELECT symbol, run_id FROM latest_backtests ORDER BY 1")
    with manager.engine.connect() as connection:
        latest = [tuple(row) for row in connection.execute(query)]
    assert latest == [("AAPL", "run-1"), ("MSFT", "run-1")]
    best = manager.get_best_performing_strategies("sharpe_ratio", minimum_trades=1)
    assert {row["symbol"] for row in best} == {"AAPL", "MSFT"}
    (compared,) = manager.compare_strategies()
    assert compared["symbols"] == 2
    assert _symbols(manager) == {"sma_cross": 2}


def test_saving_an_old_result_again_makes_it_the_newest(
    manager: BacktestPersistenceManager,
) -> None:
    save(manager, result())
    save(manager, result(code_version="code-2"))
    save(manager, result())
    query = sa.text("SELECT code_version FROM latest_backtests")
    with manager.engine.connect() as connection:
        assert connection.execute(query).scalars().all() == ["code-1"]


def test_the_leaderboard_of_an_empty_store_is_empty(manager: BacktestPersistenceManager) -> None:
    board = manager.leaderboard()
    assert board.is_empty()
    assert board.schema == LEADERBOARD_SCHEMA


def test_the_view_has_the_columns_that_are_read(manager: BacktestPersistenceManager) -> None:
    columns = sa.inspect(manager.engine).get_columns("leaderboard")
    assert [column["name"] for column in columns] == list(LEADERBOARD_SCHEMA)


def test_strategies_are_ranked_by_median_sharpe_ties_by_name_and_nulls_last(
    manager: BacktestPersistenceManager,
) -> None:
    save(
        manager,
        *_sharpes("middle", 1.0, 1.5, 9.0),
        *_sharpes("best", 2.0, 3.0, 2.5),
        *_sharpes("undefined", None, None),
        *_sharpes("also_middle", 1.5, 1.5),
    )
    board = manager.leaderboard()
    assert board.select("rank", "strategy", "median_sharpe_ratio").rows() == [
        (1, "best", 2.5),
        (2, "also_middle", 1.5),
        (3, "middle", 1.5),
        (None, "undefined", None),
    ]


def test_a_strategy_that_is_ranked_on_fewer_than_half_of_the_symbols_has_no_rank(
    manager: BacktestPersistenceManager,
) -> None:
    seldom = _sharpes("seldom", 9.0, 9.0, 9.0, closed_trades=MINIMUM_TRADES - 1)
    seldom[0]["closed_trades"] = MINIMUM_TRADES
    often = _sharpes("often", 1.0, 1.0, 1.0)
    often[0]["closed_trades"] = MINIMUM_TRADES - 1
    save(manager, *seldom, *often)
    ranks = manager.leaderboard().select("rank", "strategy").rows()
    assert ranks == [(1, "often"), (None, "seldom")]


def test_a_strategy_that_was_tested_on_one_symbol_does_not_rank_beside_a_universe(
    manager: BacktestPersistenceManager,
) -> None:
    save(manager, *_sharpes("everywhere", 1.0, 1.0, 1.0), *_sharpes("once", 9.0))
    ranks = manager.leaderboard().select("rank", "strategy").rows()
    assert ranks == [(1, "everywhere"), (None, "once")]


def test_backtests_with_too_few_trades_are_counted_but_not_ranked(
    manager: BacktestPersistenceManager,
) -> None:
    few, enough = MINIMUM_TRADES - 1, MINIMUM_TRADES
    save(
        manager,
        *_sharpes("lucky", 9.0, closed_trades=few),
        result(
            symbol="S0", sharpe_ratio=1.0, closed_trades=enough, max_drawdown=-0.1, win_rate=0.5
        ),
        result(symbol="S1", sharpe_ratio=7.0, closed_trades=few, max_drawdown=-0.9, win_rate=1.0),
    )
    board = manager.leaderboard()
    assert board["strategy"].to_list() == ["sma_cross", "lucky"]
    measured = ["symbols", "ranked_symbols", "median_sharpe_ratio", "mean_win_rate"]
    assert board.select(measured).rows() == [(2, 1, 1.0, 0.5), (1, 0, None, None)]
    assert board.select("median_max_drawdown", "worst_max_drawdown").row(0) == (-0.1, -0.9)


def test_trades_are_summed_and_the_benchmark_is_compared_with_over_all_rows(
    manager: BacktestPersistenceManager,
) -> None:
    returns = [(0.3, 0.1), (0.1, 0.3), (0.2, 0.2), (0.5, 0.4)]
    rows = [
        result(symbol=f"S{place}", total_return=own, benchmark_return=held, closed_trades=0)
        for place, (own, held) in enumerate(returns)
    ]
    save(manager, *rows)
    board = manager.leaderboard()
    assert board.select("total_trades", "share_beating_benchmark").row(0) == (28, 0.5)
    assert board.select("start_date", "end_date", "source").row(0) == (
        date(2021, 1, 1),
        date(2023, 12, 31),
        "synthetic",
    )


@pytest.mark.parametrize("other", OTHER_KINDS)
def test_only_results_of_the_newest_kind_are_compared(
    manager: BacktestPersistenceManager, other: dict[str, Any]
) -> None:
    save(manager, *_sharpes("old", 9.0, 9.0, **other))
    save(manager, *_sharpes("new", 1.0))
    assert _symbols(manager) == {"new": 1}


@pytest.mark.parametrize("changed", [{"code_version": "code-2"}, {"parameters": {"n": 3}}])
def test_only_results_of_a_strategys_newest_code_and_parameters_count(
    manager: BacktestPersistenceManager, changed: dict[str, Any]
) -> None:
    save(manager, *_sharpes("rsi", 9.0, 9.0), *_sharpes("macd", 1.0, 2.0))
    save(manager, *_sharpes("rsi", 1.0, **changed))
    assert _symbols(manager) == {"macd": 2, "rsi": 1}
    assert manager.leaderboard()["rank"].to_list() == [1, 2]


def test_a_revised_result_of_a_symbol_takes_the_place_of_the_older_one(
    manager: BacktestPersistenceManager,
) -> None:
    save(manager, *_sharpes("rsi", 9.0, 9.0))
    save(manager, *_sharpes("rsi", 1.0, data_version="data-2"))
    assert manager.leaderboard().select("symbols", "median_sharpe_ratio").row(0) == (2, 5.0)


@pytest.mark.parametrize("strategy", [None, "rsi"])
def test_a_result_older_than_its_newest_failure_is_left_out_until_it_succeeds_again(
    manager: BacktestPersistenceManager, strategy: str | None
) -> None:
    save(manager, *_sharpes("rsi", 1.0, 2.0))
    record_run(manager, run_id="run-2")
    record_failures(manager, "run-2", failure(symbol="S0", strategy=strategy))
    assert _symbols(manager) == {"rsi": 1}
    save(manager, *_sharpes("rsi", 1.0, 2.0))
    assert _symbols(manager) == {"rsi": 2}


@pytest.mark.parametrize(
    "other",
    [
        {"symbol": "S9"},
        {"strategy": "macd"},
        {"source": "sample"},
        {"start_date": date(2020, 1, 1)},
        {"end_date": date(2024, 1, 1)},
        {"purpose": Purpose.REQUEST},
    ],
)
def test_a_failure_of_something_else_leaves_a_result_standing(
    manager: BacktestPersistenceManager, other: dict[str, Any]
) -> None:
    save(manager, *_sharpes("rsi", 1.0, 2.0))
    what = {name: other[name] for name in ("symbol", "strategy") if name in other}
    attempted = {name: other[name] for name in ATTEMPTED if name in other}
    record_run(manager, run_id="run-2", purpose=other.get("purpose", Purpose.PIPELINE))
    record_failures(manager, "run-2", failure(**{"symbol": "S0", **what}), **attempted)
    assert _symbols(manager) == {"rsi": 2}


def test_a_failure_before_the_result_leaves_it_standing(
    manager: BacktestPersistenceManager,
) -> None:
    record_run(manager, run_id="run-2")
    record_failures(manager, "run-2", failure(symbol="S0"))
    save(manager, *_sharpes("rsi", 1.0))
    assert _symbols(manager) == {"rsi": 1}


def _of_many_kinds(random: np.random.Generator) -> dict[str, Any]:
    symbol, strategy, code, parameter, fees, data = random.integers(0, [6, 4, 2, 2, 2, 5])
    return result(
        symbol=f"S{symbol}",
        strategy=f"strategy_{strategy}",
        code_version=f"code-{code}",
        parameters={"n": int(parameter)},
        settings={"fees": int(fees) / 1000},
        data_version=f"data-{data}",
        sharpe_ratio=float(random.normal()),
        closed_trades=int(random.integers(0, 12)),
    )


def _standing_by_hand(rows: list[dict[str, Any]]) -> dict[str, list[float]]:
    """Return the Sharpe ratios that stand, by strategy; `rows` are in the order of saving."""
    alike = [row for row in rows if row["settings"] == rows[-1]["settings"]]
    version = {row["strategy"]: (row["code_version"], row["parameters"]) for row in alike}
    standing = {
        (row["strategy"], row["symbol"]): row["sharpe_ratio"]
        for row in alike
        if (row["code_version"], row["parameters"]) == version[row["strategy"]]
    }
    return {
        name: sorted(value for (strategy, _), value in standing.items() if strategy == name)
        for name in version
    }


@pytest.mark.parametrize("seed", range(5))
def test_of_rows_of_many_kinds_the_newest_of_the_newest_kind_and_version_stand(
    manager: BacktestPersistenceManager, seed: int
) -> None:
    random = np.random.default_rng(seed)
    saved: dict[str, dict[str, Any]] = {}
    for _ in range(120):
        row = _of_many_kinds(random)
        saved.pop(identifier(row), None)  # saved again, it is the newest
        saved[identifier(row)] = row
        save(manager, row)
    rows = list(saved.values())
    everything = Comparison(
        [f"S{number}" for number in range(6)],
        [f"strategy_{number}" for number in range(4)],
        *(rows[-1][name] for name in ("source", "start_date", "end_date", "settings")),
    )
    found = {
        str(name): sorted(part["sharpe_ratio"].to_list())
        for (name,), part in manager.standing(everything).group_by("strategy")
    }
    assert found == _standing_by_hand(rows)
    board = manager.leaderboard()
    assert board.equals(manager.leaderboard(everything))
    assert _symbols(manager) == {name: len(values) for name, values in found.items()}


def test_the_leaderboard_reads_the_same_by_plain_sql(manager: BacktestPersistenceManager) -> None:
    save(manager, *_sharpes("rsi", 1.0), *_sharpes("macd", 2.0))
    with manager.engine.connect() as connection:
        rows = connection.execute(sa.text("SELECT * FROM leaderboard")).mappings().all()
    plain = pl.DataFrame([dict(row) for row in rows], schema=LEADERBOARD_SCHEMA)
    assert plain.equals(manager.leaderboard())


def _compared(**changes: Any) -> Comparison:
    row = result()
    same = {name: row[name] for name in ("source", "start_date", "end_date", "settings")}
    return Comparison(**{"universe": ["S0", "S1"], "strategies": ["rsi"], **same, **changes})


def test_a_comparison_knows_its_own_symbols_and_strategies_only(
    manager: BacktestPersistenceManager,
) -> None:
    save(manager, *_sharpes("rsi", 1.0, 2.0, 3.0), *_sharpes("deleted", 9.0, 9.0))
    board = manager.leaderboard(_compared(universe=["S0", "S2", "UNKNOWN"]))
    assert board.select("strategy", "symbols").rows() == [("rsi", 2)]
    assert manager.standing(_compared())["symbol"].to_list() == ["S0", "S1"]
    assert manager.leaderboard(_compared(universe=[])).is_empty()


@pytest.mark.parametrize("other", OTHER_KINDS)
def test_a_comparison_has_its_own_terms_whatever_was_saved_last(
    manager: BacktestPersistenceManager, other: dict[str, Any]
) -> None:
    save(manager, *_sharpes("rsi", 1.0, 2.0))
    save(manager, *_sharpes("rsi", 9.0, 9.0, data_version="data-2", **other))
    assert manager.leaderboard(_compared())["median_sharpe_ratio"].to_list() == [1.5]
    assert manager.leaderboard(_compared(**other))["median_sharpe_ratio"].to_list() == [9.0]
    assert manager.leaderboard()["median_sharpe_ratio"].to_list() == [9.0]


def test_the_best_and_the_comparison_do_not_mix_sources(
    manager: BacktestPersistenceManager,
) -> None:
    save(manager, result(symbol="OLD", source="sample", sharpe_ratio=9.0))
    save(manager, result(symbol="NEW", sharpe_ratio=1.0))
    assert [row["symbol"] for row in manager.get_best_performing_strategies()] == ["NEW"]
    assert [row["symbols"] for row in manager.compare_strategies()] == [1]
