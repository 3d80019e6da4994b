"""Saved results are found by id, symbol, strategy and run, and ranked, compared and deleted."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from engine.metrics import METRICS
from research.errors import InvalidResultError
from research.purpose import Purpose
from resources.result_store.errors import InvalidArgumentError, UnknownMetricError
from resources.result_store.frame_schemas import RESULTS_SCHEMA, TRADES, TRADES_SCHEMA
from resources.result_store.manager import BacktestPersistenceManager
from tests.resources.result_store.rows import (
    END,
    START,
    count,
    identifier,
    record_failures,
    record_run,
    result,
    results_frame,
    save,
    trade,
    trades_frame,
)

NO_TRADES = TRADES_SCHEMA.to_frame()


def test_a_result_reads_back_as_saved(manager: BacktestPersistenceManager) -> None:
    row = result(parameters={"period": 20, "std_dev": 2.0})
    still_open = trade(
        2, status="open", direction="short", exit_date=None, exit_price=None, exit_reason="open"
    )
    saved = manager.save_backtest(row, [trade(1), still_open])
    found = manager.get_backtest_by_id(saved)
    assert found is not None
    assert {name: found[name] for name in row} == row
    assert isinstance(found["parameters"]["std_dev"], float)
    assert found["trades"] == [
        {"backtest_id": saved, **trade(1)},
        {"backtest_id": saved, **still_open},
    ]


def test_trades_without_a_number_are_numbered_in_their_order(
    manager: BacktestPersistenceManager,
) -> None:
    plain = [{k: v for k, v in trade(pnl=pnl).items() if k != "trade_no"} for pnl in (1.0, 2.0)]
    found = manager.get_backtest_by_id(manager.save_backtest(result(), plain))
    assert found is not None
    assert [(row["trade_no"], row["pnl"]) for row in found["trades"]] == [(1, 1.0), (2, 2.0)]


def test_one_result_and_a_frame_of_it_are_the_same_row(manager: BacktestPersistenceManager) -> None:
    saved = manager.save_backtest(result(), [trade()])
    assert str(saved) == identifier(result())
    manager.save_backtests(results_frame([result()]), trades_frame((str(saved), trade())))
    assert len(manager.get_backtests_by_symbol("AAPL")) == 1
    assert count(manager, TRADES) == 1


def test_run_universe_reasons_and_seeds_are_optional(manager: BacktestPersistenceManager) -> None:
    optional = {"run_id", "part", "universe_version", "undefined", "seeds"}
    row = {name: value for name, value in result().items() if name not in optional}
    found = manager.get_backtest_by_id(manager.save_backtest(row), with_trades=False)
    assert found is not None
    assert (found["run_id"], found["seeds"], found["undefined"]) == ("", {}, {})
    assert found["universe_version"] is None
    assert "trades" not in found


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ({"symbol": "AAPL"}, "without strategy, parameters, start_date"),
        (result(start_date="2021-01-01"), "start_date must be a date, not '2021-01-01'"),
        (result(sharpe_ratio=float("nan")), "NaN or an infinity in backtests: sharpe_ratio"),
        (result(total_trades=1.5), "total_trades is Float64, not Int64"),
        (result(settings={"fees": float("inf")}), "can't be stored as JSON"),
        (result(sharp=1.0), "unknown sharp"),
        ({k: v for k, v in result().items() if k != "win_rate"}, "missing win_rate"),
        (result(symbol="A\0"), "refuses the rows"),
    ],
)
def test_an_invalid_result_is_refused(
    manager: BacktestPersistenceManager, row: dict[str, Any], text: str
) -> None:
    with pytest.raises(InvalidResultError, match=text):
        manager.save_backtest(row)
    assert manager.get_backtests_by_symbol("AAPL") == []


@pytest.mark.parametrize("absent", [UUID(int=1), str(UUID(int=1)), "no-uuid", ""])
def test_an_unknown_id_returns_none(
    manager: BacktestPersistenceManager, absent: UUID | str
) -> None:
    assert manager.get_backtest_by_id(absent) is None
    assert manager.delete_backtest(absent) is False


def test_backtests_are_found_by_symbol_or_strategy_newest_first(
    manager: BacktestPersistenceManager,
) -> None:
    for symbol, strategy in [("AAPL", "rsi"), ("MSFT", "rsi"), ("AAPL", "macd")]:
        save(manager, result(symbol=symbol, strategy=strategy))
    by_symbol = manager.get_backtests_by_symbol("AAPL")
    assert [row["strategy"] for row in by_symbol] == ["macd", "rsi"]
    by_strategy = manager.get_backtests_by_strategy("rsi")
    assert [row["symbol"] for row in by_strategy] == ["MSFT", "AAPL"]
    assert len(manager.get_backtests_by_strategy("rsi", limit=1)) == 1
    assert manager.get_backtests_by_symbol("no'; DROP TABLE trades; --") == []


def test_the_frame_of_a_run_reads_back_as_saved(manager: BacktestPersistenceManager) -> None:
    odd = {"sharpe_ratio": None, "win_rate": 0.1 + 0.2, "universe_version": "", "ended_early": True}
    frame = results_frame(
        [result(symbol="AAPL", **odd), result(symbol='A "B", c', universe_version=None)]
    )
    manager.save_backtests(frame, NO_TRADES, run_id="run-1", purpose=Purpose.PIPELINE)
    save(manager, result(symbol="IBM"), run_id="run-2")
    found = manager.get_backtests_by_run("run-1")
    texts = ["parameters", "settings", "undefined"]
    assert found.schema == RESULTS_SCHEMA
    assert_frame_equal(
        found.drop(texts), frame.sort("strategy", "symbol").drop(texts), check_exact=True
    )
    assert (
        found["parameters"]
        .str.json_decode(pl.Struct({"fast_period": pl.Int64, "slow_period": pl.Int64}))
        .to_list()
        == [result()["parameters"]] * 2
    )


def test_a_run_without_results_returns_an_empty_frame(manager: BacktestPersistenceManager) -> None:
    found = manager.get_backtests_by_run("no'run")
    assert found.is_empty()
    assert found.schema == RESULTS_SCHEMA


def test_the_best_come_first_nulls_last_few_trades_not_at_all(
    manager: BacktestPersistenceManager,
) -> None:
    save(
        manager,
        result(symbol="GOOD", sharpe_ratio=1.5),
        result(symbol="BEST", sharpe_ratio=2.0),
        result(symbol="NULL", sharpe_ratio=None),
        result(symbol="LUCKY", sharpe_ratio=9.0, closed_trades=4),
        result(symbol="ENOUGH", sharpe_ratio=1.0, closed_trades=5),
    )
    best = manager.get_best_performing_strategies()
    assert [row["symbol"] for row in best] == ["BEST", "GOOD", "ENOUGH", "NULL"]
    assert [row["symbol"] for row in manager.get_best_performing_strategies(limit=1)] == ["BEST"]
    lucky = manager.get_best_performing_strategies(min_trades=0, limit=1)
    assert lucky[0]["symbol"] == "LUCKY"


@pytest.mark.parametrize(
    "metric",
    [
        "annualized_volatility",
        "downside_volatility",
        "losing_trades",
        "max_drawdown_duration",
        "total_fees",
        "total_slippage",
        "turnover",
    ],
)
def test_for_risk_losers_and_costs_the_lowest_is_best(
    manager: BacktestPersistenceManager, metric: str
) -> None:
    save(manager, result(symbol="HIGH", **{metric: 9}), result(symbol="LOW", **{metric: 1}))
    best = manager.get_best_performing_strategies(metric)
    assert [row["symbol"] for row in best] == ["LOW", "HIGH"]


@pytest.mark.parametrize("metric", ["max_drawdown", "value_at_risk", "worst_trade", "alpha"])
def test_for_metrics_negative_on_loss_the_highest_is_best(
    manager: BacktestPersistenceManager, metric: str
) -> None:
    rows = (result(symbol="DEEP", **{metric: -0.5}), result(symbol="FLAT", **{metric: -0.1}))
    save(manager, *rows)
    best = manager.get_best_performing_strategies(metric)
    assert [row["symbol"] for row in best] == ["FLAT", "DEEP"]


def test_only_the_newest_per_symbol_and_strategy_is_compared(
    manager: BacktestPersistenceManager,
) -> None:
    save(manager, result(sharpe_ratio=3.0))
    save(manager, result(sharpe_ratio=1.0, code_version="code-2"), run_id="run-2")
    best = manager.get_best_performing_strategies()
    assert [row["sharpe_ratio"] for row in best] == [1.0]


@pytest.mark.parametrize(
    "other",
    [
        {"source": "sample"},
        {"start_date": date(2020, 1, 1)},
        {"end_date": date(2024, 1, 1)},
        {"settings": {"fees": 0.0}},
    ],
    ids=lambda other: next(iter(other)),
)
def test_only_results_like_the_newest_are_compared(
    manager: BacktestPersistenceManager, other: dict[str, Any]
) -> None:
    save(
        manager, result(symbol="OLD", sharpe_ratio=9.0, **other), result(sharpe_ratio=9.0, **other)
    )
    save(manager, result(symbol="NEW", sharpe_ratio=1.0), run_id="run-2")
    assert [row["symbol"] for row in manager.get_best_performing_strategies()] == ["NEW"]
    assert [row["symbols"] for row in manager.compare_strategies()] == [1]
    save(manager, cached=[identifier(result(symbol="OLD", **other))], run_id="run-3")
    best = manager.get_best_performing_strategies()
    assert {row["symbol"] for row in best} == {"OLD", "AAPL"}


def test_each_purpose_is_compared_separately(manager: BacktestPersistenceManager) -> None:
    save(manager, result(symbol="RUN"))
    asked = result(symbol="ASKED", settings={"fees": 0.0})
    save(manager, asked, run_id="run-2", purpose=Purpose.REQUEST)
    for purpose, symbol in [(Purpose.PIPELINE, "RUN"), (Purpose.REQUEST, "ASKED")]:
        best = manager.get_best_performing_strategies(purpose=purpose)
        assert [row["symbol"] for row in best] == [symbol]
        assert [row["symbols"] for row in manager.compare_strategies(purpose=purpose)] == [1]
    assert manager.get_best_performing_strategies(purpose=Purpose.SWEEP) == []


@pytest.mark.parametrize("metric", METRICS)
def test_results_can_be_ranked_by_every_metric(
    shared_manager: BacktestPersistenceManager, metric: str
) -> None:
    save(shared_manager, result())
    assert len(shared_manager.get_best_performing_strategies(metric)) == 1


def test_an_unknown_metric_is_refused_with_the_known_ones(
    manager: BacktestPersistenceManager,
) -> None:
    with pytest.raises(UnknownMetricError) as refusal:
        manager.get_best_performing_strategies("sharp_ratio")
    text = str(refusal.value)
    assert "no metric 'sharp_ratio'. Did you mean 'sharpe_ratio'?" in text
    assert all(name in text for name in METRICS)


def test_strategies_are_compared_by_their_medians(manager: BacktestPersistenceManager) -> None:
    sharpes = {"rsi": [1.0, 2.0, 9.0], "macd": [3.0, None, 1.0], "momentum": [None] * 3}
    save(
        manager,
        *(
            result(symbol=f"S{place}", strategy=strategy, sharpe_ratio=value, max_drawdown=-value_)
            for strategy, values in sharpes.items()
            for place, (value, value_) in enumerate(zip(values, (0.1, 0.2, 0.5), strict=True))
        ),
    )
    compared = manager.compare_strategies()
    assert [(row["strategy"], row["median_sharpe_ratio"]) for row in compared] == [
        ("macd", 2.0),
        ("rsi", 2.0),
        ("momentum", None),
    ]
    first = compared[0]
    assert (first["symbols"], first["total_trades"]) == (3, 21)
    assert (first["median_max_drawdown"], first["worst_max_drawdown"]) == (-0.2, -0.5)
    of_symbol = manager.compare_strategies(symbol="S2", strategies=["rsi", "macd", "unknown"])
    assert [row["strategy"] for row in of_symbol] == ["rsi", "macd"]
    assert [row["symbols"] for row in manager.compare_strategies(strategies="rsi")] == [3]


def test_deleting_a_backtest_deletes_its_trades_and_no_others(
    manager: BacktestPersistenceManager,
) -> None:
    gone = manager.save_backtest(result(), [trade(1), trade(2)])
    kept = manager.save_backtest(result(symbol="MSFT"), [trade(1)])
    assert manager.delete_backtest(str(gone)) is True
    assert manager.get_backtest_by_id(gone) is None
    assert manager.get_backtest_by_id(kept) is not None
    assert count(manager, TRADES) == 1
    assert manager.delete_backtest(gone) is False


def test_a_reversed_window_is_not_saved(manager: BacktestPersistenceManager) -> None:
    with pytest.raises(InvalidResultError, match="ck_backtests_window"):
        manager.save_backtest(result(end_date=START - timedelta(days=1)))


@pytest.mark.parametrize(
    ("ask", "refused"),
    [
        (lambda m: m.get_backtests_by_symbol(""), "symbol is ''"),
        (lambda m: m.get_backtests_by_symbol(None), "symbol is None"),
        (
            lambda m: m.get_backtests_by_symbol("AAPL", limit=0),
            "limit is 0; allowed: integers from",
        ),
        (lambda m: m.get_backtests_by_strategy("rsi", "5"), "limit is '5'"),
        (lambda m: m.get_backtests_by_strategy(7), "strategy_type is 7"),
        (lambda m: m.get_best_performing_strategies(limit=-1), "limit is -1"),
        (lambda m: m.get_best_performing_strategies(min_trades=-1), "min_trades is -1"),
        (lambda m: m.get_best_performing_strategies(min_trades=1.5), "min_trades is 1.5"),
        (lambda m: m.compare_strategies(strategies=5), "strategies is 5"),
        (lambda m: m.compare_strategies(strategies=["rsi", None]), "strategies is None"),
        (lambda m: m.compare_strategies(symbol=""), "symbol is ''"),
        (lambda m: m.get_performance_summary("2021-01-01", END), "start is '2021-01-01'"),
        (lambda m: m.get_performance_summary(END, START), "is after end"),
        (lambda m: m.get_stage_history("prices", 0), "limit is 0"),
        (lambda m: m.get_backtests_by_symbol("A\0B"), r"symbol is 'A\x00B'"),
        (lambda m: m.get_backtests_by_symbol("AAPL", limit=2**63), "limit is 9223372036854775808"),
        (
            lambda m: m.get_best_performing_strategies(min_trades=2**31),
            "integers from 0 to 2147483647",
        ),
        (lambda m: m.get_backtests_by_run(5), "run_id is 5"),
        (lambda m: m.get_run(None), "run_id is None"),
        (lambda m: m.get_universe(5), "run_id is 5"),
        (lambda m: m.get_failures("run\0"), r"run_id is 'run\x00'"),
        (lambda m: record_failures(m, ""), "run_id is ''"),
        (lambda m: record_failures(m, "run-1", stage=""), "stage is ''"),
        (lambda m: m.compare_strategies(purpose="all"), "purpose is 'all'"),
        (lambda m: m.get_leaderboard(""), "run_id is ''"),
        (lambda m: m.save_leaderboard("", None, None, None), "run_id is ''"),
        (lambda m: save(m, run_id="", purpose=Purpose.SWEEP), "allowed: notebook"),
        (lambda m: m.save_backtests(None, None, run_id="r", purpose="x"), "purpose is 'x'"),
        (lambda m: record_run(m, purpose=None), "allowed: pipeline, what_if, request"),
        (lambda m: m.get_backtests_by_ids(5), "identifiers is 5"),
        (lambda m: record_run(m, run_id=5), "run_id is 5"),
        (lambda m: record_run(m, source=""), "source is ''"),
        (lambda m: record_run(m, end_date="2021-01-01"), "end is '2021-01-01'"),
        (lambda m: record_run(m, start_date=END, end_date=START), "is after end"),
        (lambda m: record_run(m, profile=["prices"]), "profile is ['prices']"),
    ],
)
def test_invalid_arguments_are_refused_with_what_is_allowed(
    shared_manager: BacktestPersistenceManager, ask: Any, refused: str
) -> None:
    with pytest.raises(InvalidArgumentError) as error:
        ask(shared_manager)
    assert refused in str(error.value)
    assert "allowed" in str(error.value)
