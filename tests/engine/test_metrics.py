"""Undefined metrics are None with a reason; every metric of the catalogue is there."""

import math
from datetime import date

import numpy as np
import pytest

from engine.backtest import VectorBTEngine
from engine.metrics import METRICS
from engine.results import BacktestResult
from engine.settings import BacktestSettings, Window
from tests.bars import bars_of, history, random_history
from tests.engine.planned import Planned

WINDOW = Window(date(2021, 1, 1), date(2022, 12, 31))


def _run(closes: list[float], entries: list[int], exits: list[int]) -> BacktestResult:
    free = BacktestSettings(fees=0.0, slippage=0.0)
    bars = history(bars_of(closes, closes))
    return VectorBTEngine(free).run_batch([bars], Planned(entries, exits), WINDOW).results[0]


def test_every_metric_of_the_catalogue_is_computed_in_its_order():
    assert list(_run([1.0, 2.0, 3.0], [0], []).metrics) == list(METRICS)


def test_without_trades_ratios_are_undefined_and_returns_are_zero():
    result = _run([10.0, 11.0, 12.0], [], [])
    assert result.metrics["total_return"] == 0.0
    assert result.metrics["max_drawdown"] == 0.0
    assert result.metrics["total_trades"] == 0
    for name in ("sharpe_ratio", "sortino_ratio", "calmar_ratio", "omega_ratio", "win_rate"):
        assert result.metrics[name] is None
        assert result.undefined[name] == "no trades"
    assert result.metrics["benchmark_return"] == pytest.approx(0.2)


def test_a_single_bar_has_no_annualized_risk():
    result = _run([10.0], [0], [])
    assert result.metrics["sharpe_ratio"] is None
    assert result.metrics["total_return"] == 0.0
    assert result.metrics["final_value"] == 10_000.0


def test_without_a_losing_trade_the_profit_factor_is_undefined():
    result = _run([10.0, 10.0, 12.0, 12.0], [0], [2])
    assert result.metrics["win_rate"] == 1.0
    assert result.metrics["profit_factor"] is None
    assert result.undefined["profit_factor"] == "no closed trade lost"


def test_without_a_winning_trade_the_profit_factor_is_zero():
    assert _run([10.0, 10.0, 8.0, 8.0], [0], [2]).metrics["profit_factor"] == 0.0


def test_without_a_drawdown_calmar_and_sortino_are_undefined():
    result = _run([10.0, 10.0, 11.0, 12.0, 13.0], [0], [])
    assert result.undefined["calmar_ratio"] == "there is no drawdown"
    assert result.undefined["sortino_ratio"] == "no return is negative"


def test_no_metric_is_ever_infinite_or_nan_and_each_none_has_a_reason():
    histories = [random_history(f"S{n}", n, seed=n) for n in range(1, 60)]
    histories += [history(bars_of([5.0] * n, [5.0] * n), f"FLAT{n}") for n in range(1, 9)]
    outcome = VectorBTEngine().run_batch(histories, Planned([0, 5, 9], [3, 7]), WINDOW)
    for result in outcome.results:
        missing = {name for name, value in result.metrics.items() if value is None}
        assert missing == set(result.undefined)
        assert all(math.isfinite(v) for v in result.metrics.values() if v is not None)


def test_counts_are_whole_numbers():
    metrics = _run([1.0, 2.0, 3.0], [0], []).metrics
    for name, metric in METRICS.items():
        if metric.kind == "count":
            assert isinstance(metrics[name], int), name


def test_trades_belong_to_their_own_symbol():
    histories = [random_history(f"S{n}", 40, seed=n) for n in range(6)]
    outcome = VectorBTEngine().run_batch(histories, Planned([0, 9], [5]), WINDOW)
    for column, result in enumerate(outcome.results):
        assert result.trades["col"].tolist() == [column, column]
        profit = np.sum(result.trades["pnl"])
        assert result.metrics["final_value"] == pytest.approx(10_000 + profit)
