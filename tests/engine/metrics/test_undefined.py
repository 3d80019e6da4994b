"""An undefined metric is None with the reason: never 0, never infinite, never NaN."""

import math
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from engine.backtest import VectorBTEngine
from engine.metrics import METRICS
from engine.settings import BacktestSettings, Window
from strategies.registry import registered_strategies
from tests.bars import build_bars, history, random_history
from tests.engine.cases import FREE, run
from tests.engine.planned import Planned

WINDOW = Window(date(2021, 1, 1), date(2022, 12, 31))
STOPS = replace(BacktestSettings(), stop_loss=0.02, trailing_stop=0.03, take_profit=0.02)


def _of(closes: list[float], entries: list[int], exits: list[int]):
    return run(build_bars(closes, closes), entries, exits)


def test_without_trades_ratios_are_undefined_and_returns_zero():
    result = _of([10.0, 11.0, 12.0], [], [])
    assert result.metrics["total_return"] == 0.0
    assert result.metrics["max_drawdown"] == 0.0
    assert result.metrics["total_trades"] == 0
    for name in ("sharpe_ratio", "sortino_ratio", "calmar_ratio", "omega_ratio", "win_rate"):
        assert result.metrics[name] is None
        assert result.undefined[name] == "no trades"
    assert result.metrics["benchmark_return"] == pytest.approx(0.2)


def test_a_history_shorter_than_the_lookback_is_the_reason():
    outcome = VectorBTEngine().run_batch(
        [random_history("SHORT", 20, 1)], registered_strategies()["sma_cross"](), WINDOW
    )
    (result,) = outcome.results
    assert result.undefined["sharpe_ratio"] == (
        "no trades: 20 bars are too few for a lookback of 20"
    )


def test_a_strategy_of_volume_says_that_there_is_none():
    rates = random_history("EURUSD=X", 300, 1)
    rates = replace(rates, bars=replace(rates.bars, volume=np.zeros(300)))
    outcome = VectorBTEngine().run_batch(
        [rates], [registered_strategies()[name]() for name in ("volume_momentum", "rsi")], WINDOW
    )
    by_volume, by_price = outcome.results
    assert by_volume.metrics["total_trades"] == 0
    assert by_volume.undefined["sharpe_ratio"] == (
        "no trades: EURUSD=X has no volume, which volume_momentum uses"
    )
    assert "sharpe_ratio" not in by_price.undefined


def test_a_single_bar_has_no_annualized_risk():
    result = run(build_bars([10.0], [10.0]), [0], [], replace(FREE, execution="same_close"))
    assert result.metrics["total_return"] == 0.0
    assert result.metrics["final_value"] == 10_000.0
    for name in ("sharpe_ratio", "sortino_ratio", "annualized_volatility", "information_ratio"):
        assert result.undefined[name] == "one bar has no returns to measure"


def test_without_losing_trades_ratios_to_losses_are_undefined():
    result = _of([10.0, 10.0, 12.0, 12.0], [0], [2])
    assert result.metrics["win_rate"] == 1.0
    assert result.undefined["profit_factor"] == "no closed trade lost"
    for name in ("payoff_ratio", "kelly_fraction"):
        assert result.undefined[name] == "no closed trade lost, or none won"


def test_without_winning_trades_profit_factor_is_zero():
    result = _of([10.0, 10.0, 8.0, 8.0], [0], [2])
    assert result.metrics["profit_factor"] == 0.0
    assert result.undefined["kelly_fraction"] == "no closed trade lost, or none won"


def test_with_only_an_open_trade_metrics_of_closed_are_undefined():
    result = _of([10.0, 10.0, 8.0, 12.0], [0], [])
    needing = {name for name, metric in METRICS.items() if metric.needs == "closed trades"}
    assert {"win_rate", "best_trade", "worst_trade", "average_trade_duration"} <= needing
    assert {result.undefined[name] for name in needing} == {"no closed trades"}


def test_without_a_drawdown_ratios_to_it_are_undefined():
    result = _of([10.0, 10.0, 11.0, 12.0, 13.0], [0], [])
    for name in ("calmar_ratio", "recovery_factor"):
        assert result.undefined[name] == "there is no drawdown"
    for name in ("sortino_ratio", "omega_ratio"):
        assert result.undefined[name] == "no return is negative"


def test_sharpe_ratio_is_undefined_at_a_flat_price():
    result = _of([10.0] * 6, [0], [])
    assert result.metrics["annualized_volatility"] == 0.0
    assert result.undefined["sharpe_ratio"] == "the returns have no variance"


def test_annualized_return_is_undefined_on_overflow():
    result = _of([1.0, 1.0, 1e10, 1e10], [0], [])
    assert result.metrics["total_return"] == pytest.approx(1e10 - 1)
    assert result.metrics["annualized_return"] is None
    assert result.undefined["annualized_return"] == "too large for a number"


def test_beta_without_trades_is_undefined_for_a_flat_market():
    result = _of([10.0] * 4, [], [])
    assert result.undefined["beta"] == "the benchmark did not move"
    assert result.undefined["sharpe_ratio"] == "no trades"


@pytest.mark.parametrize("direction", ["long", "short", "both"])
@pytest.mark.parametrize("settings", [BacktestSettings(), FREE, STOPS])
def test_metrics_are_finite_or_none_with_a_reason(direction: str, settings: BacktestSettings):
    histories = [random_history(f"S{n}", n, seed=n) for n in range(1, 60)]
    histories += [history(build_bars([5.0] * n, [5.0] * n), f"FLAT{n}") for n in range(1, 9)]
    leaps = [1.0, 9.0, 1.0, 30.0, 0.1, 5.0, 5.0, 90.0, 1.0]
    histories += [history(build_bars(leaps, leaps[::-1]), "LEAPS")]
    directed = replace(settings, direction=direction)
    outcome = VectorBTEngine(directed).run_batch(histories, Planned([0, 5, 9], [3, 7]), WINDOW)
    assert len(outcome.results) == len(histories)
    for result in outcome.results:
        assert list(result.metrics) == list(METRICS)
        missing = {name for name, value in result.metrics.items() if value is None}
        assert missing == set(result.undefined)
        assert all(result.undefined.values())
        assert all(math.isfinite(v) for v in result.metrics.values() if v is not None)
