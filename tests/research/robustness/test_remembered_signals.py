"""Signals are computed once per bars, and are those of the strategy."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from engine.backtest import VectorBTEngine
from engine.settings import Window
from research.robustness.remembered_signals import RememberedSignals
from strategies.base import Bars, Signals
from strategies.rsi import Rsi
from tests.bars import random_history

HISTORIES = [random_history(f"S{number}", 300, number) for number in range(3)]
DATES = HISTORIES[0].dates
WINDOWS = [Window(DATES[first], DATES[-1]) for first in (20, 60)]


@dataclass(frozen=True)
class _Counted(Rsi):
    def signals(self, bars: Bars) -> Signals:
        COUNTED.append(len(bars))
        return super().signals(bars)


@dataclass(frozen=True)
class _Broken(Rsi):
    def signals(self, bars: Bars) -> Any:
        if bars.close[0] == HISTORIES[0].bars.close[0]:
            raise RuntimeError("no closes")
        return Signals(np.zeros(3, dtype=np.bool_), np.zeros(3, dtype=np.bool_))


COUNTED: list[int] = []


def test_later_simulations_take_the_signals_of_the_first():
    COUNTED.clear()
    remembered = RememberedSignals(_Counted())
    for window in WINDOWS:
        own = VectorBTEngine().run_batch(HISTORIES, [Rsi()], window).results
        found = VectorBTEngine().run_batch(HISTORIES, [remembered], window).results
        assert len(own) == len(found) == 3
        for one, other in zip(own, found, strict=True):
            assert len(one.trades) > 0
            assert one.trades.tobytes() == other.trades.tobytes()
            assert one.metrics == other.metrics
    assert COUNTED == [300, 300, 300]


def test_other_bars_have_signals_of_their_own():
    COUNTED.clear()
    remembered, bars = RememberedSignals(_Counted()), HISTORIES[0].bars
    rising = replace(bars, close=np.linspace(1.0, 2.0, len(bars)))
    some, none = (remembered.signals(one) for one in (bars, rising))
    assert some.entries.any()
    assert not none.entries.any()
    cut = Bars(*(getattr(bars, name)[:100] for name in Bars.__dataclass_fields__))
    np.testing.assert_array_equal(remembered.signals(cut).entries, some.entries[:100])
    assert COUNTED == [300, 300, 100]


def test_failures_are_those_of_the_strategy():
    strategy = _Broken()
    both = strategy, RememberedSignals(strategy)
    for _ in range(2):
        own, found = (
            VectorBTEngine().run_batch(HISTORIES, [one], WINDOWS[0]).failures for one in both
        )
        assert found == own
        assert len(own) == 3
