"""Parameter grids and comparisons on one symbol: the numbers of single backtests, ranked."""

import asyncio
from typing import Any

import pytest

from engine.backtest import VectorBTEngine
from engine.data_provider import frame_to_history
from engine.errors import InvalidSettingsError, StrategyFailedError
from engine.settings import BacktestSettings, Window
from strategies.errors import InvalidParameterError, UnknownStrategyError
from strategies.registry import registered_strategies
from strategies.rsi import Rsi
from tests.bars import random_frame

FRAME = random_frame(600, seed=4)
DAYS: dict[str, Any] = {"start_date": "2021-06-01", "end_date": "2022-07-31"}
GRID = {"fast_period": [5, 20, 30], "slow_period": [30, 20]}


class Provider:
    def get_stock_data(self, symbol: str, start_date: str, end_date: str, interval: str):
        return FRAME


ENGINE = VectorBTEngine(BacktestSettings(fees=0.002), Provider())  # pyright: ignore[reportArgumentType]


def _optimize(**given: Any) -> dict[str, Any]:
    asked = {"symbol": "AAPL", "strategy_type": "sma_cross", "param_grid": GRID, **DAYS}
    return asyncio.run(ENGINE.optimize_parameters(**{**asked, **given}))


def _compare(strategies: Any, **given: Any) -> dict[str, Any]:
    return asyncio.run(ENGINE.compare_strategies("AAPL", strategies, **DAYS, **given))


def _metrics(strategy: str, parameters: Any) -> dict[str, Any]:
    return asyncio.run(ENGINE.run_backtest("AAPL", strategy, parameters, **DAYS))["metrics"]


def test_each_point_has_the_metrics_of_a_single_backtest():
    answer = _optimize()
    assert (answer["symbol"], answer["strategy"]) == ("AAPL", "sma_cross")
    assert (answer["total_combinations_tested"], answer["valid_combinations"]) == (6, 3)
    broken = [(20, 20), (30, 30), (30, 20)]
    assert sorted(tuple(point.values()) for point in answer["skipped"]) == sorted(broken)
    for entry in answer["top_results"]:
        alone = _metrics("sma_cross", entry["parameters"])
        for metric in ("sharpe_ratio", "total_return", "max_drawdown", "total_trades"):
            assert entry[metric] == alone[metric]
    sharpes = [entry["sharpe_ratio"] for entry in answer["top_results"]]
    assert sharpes == sorted(sharpes, reverse=True)
    assert answer["best_metric_value"] == sharpes[0]
    assert answer["best_parameters"] == answer["top_results"][0]["parameters"]
    assert answer["failures"] == []


def test_the_metric_decides_what_is_best():
    volatilities = [
        entry["annualized_volatility"]
        for entry in _optimize(optimization_metric="annualized_volatility")["top_results"]
    ]
    assert volatilities == sorted(volatilities)
    (best,) = _optimize(optimization_metric="total_return", top_n=1)["top_results"]
    assert best["total_return"] == max(one["total_return"] for one in _optimize()["top_results"])
    assert _optimize(initial_capital=5.0, optimization_metric="final_value")[
        "best_metric_value"
    ] == pytest.approx(5.0 * (1 + best["total_return"]))


def test_points_without_the_metric_come_last():
    grid = {"threshold": [0.9, 0.02]}  # no return of 90 % in 20 days
    entries = _optimize(strategy_type="momentum", param_grid=grid)["top_results"]
    assert [entry["parameters"]["threshold"] for entry in entries] == [0.02, 0.9]
    assert entries[1]["sharpe_ratio"] is None


def test_a_grid_of_none_is_that_of_the_strategy():
    answer = _optimize(param_grid=None)
    assert answer["total_combinations_tested"] == 16
    assert len(answer["top_results"]) == 10


def test_strategies_are_ranked_by_their_best_point():
    answer = _compare({"sma_cross": GRID, "rsi": None})
    assert [one["rank"] for one in answer["rankings"]] == [1, 2]
    entries = {one["strategy"]: one for one in answer["rankings"]}
    assert {name: one["combinations"] for name, one in entries.items()} == {
        "sma_cross": 3,
        "rsi": 1,
    }
    best = _optimize()
    assert entries["sma_cross"]["parameters"] == best["best_parameters"]
    assert entries["sma_cross"]["sharpe_ratio"] == best["best_metric_value"]
    assert entries["rsi"]["sharpe_ratio"] == _metrics("rsi", None)["sharpe_ratio"]
    assert answer["best_overall"] == answer["best_sharpe"] == answer["rankings"][0]


def test_all_strategies_are_compared_with_their_defaults():
    answer = _compare(None, metric="total_return")
    values = {one["strategy"]: one["total_return"] for one in answer["rankings"]}
    assert list(values) == sorted(values, key=lambda name: -values[name])
    assert values == {
        name: _metrics(name, None)["total_return"] for name in registered_strategies()
    }
    assert answer["best_return"]["total_return"] == max(values.values())
    drawdowns = [one["max_drawdown"] for one in answer["rankings"]]
    assert answer["best_drawdown"]["max_drawdown"] == max(drawdowns) < 0
    assert _compare("rsi")["rankings"] == _compare(["rsi"])["rankings"]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: _optimize(optimization_metric="sharp_ratio"),
            InvalidSettingsError,
            "sharpe_ratio",
        ),
        (lambda: _optimize(top_n=0), InvalidSettingsError, "top_n is 0; allowed: integers from 1."),
        (lambda: _optimize(param_grid={"window": [3]}), InvalidParameterError, "no parameter"),
        (lambda: _optimize(strategy_type="smacross"), UnknownStrategyError, "Did you mean"),
        (lambda: _compare(["rsy"]), UnknownStrategyError, "Did you mean 'rsi'"),
        (lambda: _compare(["rsi"], metric="luck"), InvalidSettingsError, "no metric 'luck'"),
    ],
)
def test_invalid_arguments_are_refused(call: Any, error: type[Exception], message: str):
    with pytest.raises(error, match=message):
        call()


def test_what_fails_is_named(monkeypatch: pytest.MonkeyPatch):
    def fail(self: Rsi, bars: Any) -> None:
        raise ZeroDivisionError("no luck")

    monkeypatch.setattr(Rsi, "signals", fail)
    answer = _compare(["rsi", "macd"])
    assert [one["strategy"] for one in answer["rankings"]] == ["macd"]
    (failure,) = answer["failures"]
    assert failure.startswith("rsi failed on AAPL: ZeroDivisionError: no luck")
    with pytest.raises(StrategyFailedError, match="rsi failed on AAPL: ZeroDivisionError: no luck"):
        _compare(["rsi"])


def test_a_grid_equals_the_sweep_of_the_batch():
    from engine.parameter_grid import sweep

    history = frame_to_history("AAPL", FRAME)
    window = Window(**dict(zip(("start", "end"), DAYS.values(), strict=True)))
    swept = sweep(ENGINE, [history], "sma_cross", window, GRID)
    found = {tuple(r.strategy.parameters().values()): r.metrics for r in swept.results}
    for entry in _optimize()["top_results"]:
        assert found[tuple(entry["parameters"].values())]["final_value"] is not None
        assert found[tuple(entry["parameters"].values())]["sharpe_ratio"] == entry["sharpe_ratio"]
