"""The rules of integrity hold for results of the engine, and not for changed ones."""

from dataclasses import replace
from datetime import date
from itertools import product

import numpy as np
import pytest

from engine.backtest import VectorBTEngine
from engine.results import BacktestResult
from engine.settings import BacktestSettings, Window
from research.audit.integrity import CUTS, count_dropped_signals, find_look_ahead, measure_imbalance
from strategies.base import Bars, Signals
from strategies.registry import registered_strategies
from strategies.rsi import Rsi
from strategies.sma_cross import SmaCross
from tests.bars import random_history
from tests.engine.oracle import settings_of
from tests.strategies.look_ahead import ALL_PEEKING

WINDOW = Window(date(2021, 6, 1), date(2022, 12, 1))
HISTORIES = {f"S{seed}": random_history(f"S{seed}", 700, seed) for seed in range(3)}
STRATEGIES = [strategy() for strategy in registered_strategies().values()]
SETTINGS = [
    settings_of(direction, execution, **stops)
    for execution, direction, stops in product(
        ["next_open", "same_close"],
        ["long", "short", "both"],
        [{}, {"stop_loss": 0.03, "trailing_stop": 0.04, "take_profit": 0.05}],
    )
]


def _results(settings: BacktestSettings) -> list[BacktestResult]:
    outcome = VectorBTEngine(settings).run_batch(HISTORIES.values(), STRATEGIES, WINDOW)
    assert not outcome.failures
    return outcome.results


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_engine_results_have_no_dropped_signal_or_imbalance(settings: BacktestSettings):
    for result in _results(settings):
        assert count_dropped_signals(result, HISTORIES[result.symbol]) == 0, result.strategy
        assert measure_imbalance(result) == 0.0, result.strategy


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_a_removed_trade_is_a_dropped_signal_and_an_imbalance(settings: BacktestSettings):
    for result in _results(settings):
        closed = np.flatnonzero(result.trades["exit_reason"] == 1)
        if len(closed) == 0:
            continue
        changed = replace(result, trades=np.delete(result.trades, closed[0]))
        assert count_dropped_signals(changed, HISTORIES[result.symbol]) > 0, result.strategy
        assert measure_imbalance(changed) != 0.0, result.strategy


def test_a_late_exit_is_a_dropped_signal():
    result = _results(BacktestSettings())[0]
    late = result.trades.copy()
    first = np.flatnonzero(late["status"] == 1)[0]
    late["exit_idx"][first] += 1
    changed = replace(result, trades=late)
    assert count_dropped_signals(changed, HISTORIES[result.symbol]) > 0


def test_an_imbalance_is_a_fraction_of_the_capital():
    result = _results(BacktestSettings())[0]
    richer = result.trades.copy()
    richer["pnl"][0] -= 100.0
    assert measure_imbalance(replace(result, trades=richer)) == pytest.approx(100.0 / 10_000.0)


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda strategy: strategy.name)
def test_the_registered_strategies_do_not_look_ahead(strategy):
    for history in HISTORIES.values():
        assert find_look_ahead(strategy, history) is None


@pytest.mark.parametrize("strategy", ALL_PEEKING)
def test_the_bar_of_a_look_ahead_is_found(strategy):
    bar = find_look_ahead(strategy(), HISTORIES["S0"])
    assert bar is not None
    assert 0 <= bar < 700


class Counting(Rsi):
    """Records the number of bars of each call."""

    def signals(self, bars: Bars) -> Signals:
        SEEN.append(len(bars))
        return super().signals(bars)


SEEN: list[int] = []


def _count_tried(spot: int | None) -> list[int]:
    SEEN.clear()
    assert find_look_ahead(Counting(), HISTORIES["S0"], spot) is None
    return list(SEEN)


def test_a_spot_is_one_of_the_cuts_and_the_last_bar():
    whole, *cuts, last = _count_tried(None)
    assert (whole, last, len(cuts)) == (700, 699, CUTS)
    for spot, cut in enumerate(cuts):
        assert _count_tried(spot) == [whole, cut, last]


@pytest.mark.parametrize("bars", [1, 2, 3, 9])
def test_look_ahead_is_checked_on_a_few_bars(bars: int):
    for strategy in (Rsi(), SmaCross()):
        assert find_look_ahead(strategy, random_history("S", bars, 1)) is None
