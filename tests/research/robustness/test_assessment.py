"""All tests of two strategies over a small universe: beside runs of the engine by hand."""

from dataclasses import replace

import numpy as np
import pytest

from engine.backtest import VectorBTEngine
from engine.equal_weight import EqualWeight
from engine.settings import BacktestSettings, Window
from research.residuals import hedge_across_folds
from research.robustness.assessment import SweptPoints, assess_robustness
from research.robustness.performance import Performance
from research.universe_curves import compute_universe_curves
from strategies.rsi import Rsi
from strategies.sma_cross import SmaCross
from tests.bars import random_history

HISTORIES = [random_history(f"S{number}", 420, number) for number in range(4)]
DATES = HISTORIES[0].dates
WINDOW = Window(DATES[60], DATES[-1])
SETTINGS = BacktestSettings(fees=0.001, slippage=0.002)
STRATEGIES = [SmaCross(), Rsi()]


def _residuals(strategies, settings, window):
    universe = EqualWeight.of(HISTORIES, window)
    outcomes = VectorBTEngine(settings).run_batches(HISTORIES, strategies, window)
    curves = compute_universe_curves(outcomes, strategies, window, universe)
    return hedge_across_folds(curves.returns, curves.market)


@pytest.fixture(scope="module")
def assessed():
    points = [SmaCross(fast, slow) for fast in (5, 10, 15) for slow in (18, 20, 30)]
    swept = SweptPoints(points, _residuals(points, SETTINGS, WINDOW).astype(np.float32))
    return swept, assess_robustness(
        HISTORIES, STRATEGIES, SETTINGS, WINDOW, bars_per_year=252.0, sweeps={"sma_cross": swept}
    )


def test_strategies_are_judged_with_their_own_parameters(assessed):
    own = _residuals(STRATEGIES, SETTINGS, WINDOW)
    for one, strategy, curve in zip(assessed[1], STRATEGIES, own, strict=True):
        assert one.strategy == strategy.name
        assert one.own == Performance.of(curve, 252.0)
        low, high = one.intervals.annual_sharpe
        assert low < one.own.annual_sharpe < high
        assert sum(year.bars for year in one.years.values()) == 360


def test_costs_are_doubled_and_starts_are_shifted(assessed):
    dear = _residuals(STRATEGIES, replace(SETTINGS, fees=0.002, slippage=0.004), WINDOW)
    own = _residuals(STRATEGIES, SETTINGS, WINDOW)
    for number, one in enumerate(assessed[1]):
        assert one.doubled_costs == Performance.of(dear[number], 252.0)
        assert one.doubled_costs.annual_return < one.own.annual_return
        for shift, shifted in zip((5, 21, 63), one.shifted_starts, strict=True):
            window = Window(DATES[60 + shift], DATES[-1])
            assert shifted.start == window.start
            later = _residuals(STRATEGIES, SETTINGS, window)[number]
            assert shifted.performance == Performance.of(later, 252.0)
            assert shifted.unshifted == Performance.of(own[number][shift:], 252.0)


def test_jittered_parameters_are_neighbours_of_the_grid(assessed):
    swept, (sma, rsi) = assessed
    assert rsi.jittered == []
    assert SmaCross() == SmaCross(10, 20)
    changed = [dict(one.parameters) for one in sma.jittered]
    assert changed == [
        {"fast_period": 5},
        {"slow_period": 18},
        {"slow_period": 30},
        {"fast_period": 15},
    ]
    first = swept.residuals[swept.points.index(SmaCross(5, 20))].astype(float)
    assert sma.jittered[0].performance == Performance.of(first, 252.0)


def test_positions_and_trades_are_those_of_the_engine(assessed):
    outcome = VectorBTEngine(SETTINGS).run_batch(HISTORIES, STRATEGIES, WINDOW)
    returns, trades = outcome.column("total_return"), outcome.column("total_trades")
    for number, one in enumerate(assessed[1]):
        mine = slice(number, None, len(STRATEGIES))  # results are by symbol and then strategy
        total = np.log1p(returns[mine]).mean()
        assert one.random_entries.log_return == pytest.approx(total, abs=1e-9)
        assert one.random_entries.positions == one.trade_shuffle.trades == trades[mine].sum()
        assert 0 < one.random_entries.p_value <= 1
        assert one.trade_shuffle.low <= one.trade_shuffle.median <= one.trade_shuffle.high
