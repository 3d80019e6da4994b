"""A strategy that misbehaves on one symbol harms neither other strategies nor the bars."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import pytest

from engine.backtest import VectorBTEngine
from engine.errors import StrategyFailedError
from engine.settings import Window
from strategies.base import Bars, Signals, Strategy
from strategies.sma_cross import SmaCross
from tests.bars import random_history

WINDOW = Window(date(2021, 1, 1), date(2022, 12, 31))


@dataclass(frozen=True)
class Normalizing(Strategy):
    """Divides the bars it was given by their first close, in place."""

    @property
    def look_back(self) -> int:
        return 0

    def signals(self, bars: Bars) -> Signals:
        bars.close[:] = bars.close / bars.close[0]
        nothing = np.zeros(len(bars), dtype=np.bool_)
        return Signals(nothing, nothing)


def test_a_strategy_cannot_change_the_bars_that_others_see():
    history = random_history("S", 200, seed=4)
    before = history.bars.close.copy()
    outcome = VectorBTEngine().run_batch([history], [Normalizing(), SmaCross()], WINDOW)
    (alone,) = VectorBTEngine().run_batch([history], SmaCross(), WINDOW).results
    assert [failure.strategy for failure in outcome.failures] == [Normalizing.name]
    assert "read-only" in outcome.failures[0].message
    assert outcome.results[0].metrics == alone.metrics
    np.testing.assert_array_equal(history.bars.close, before)
    assert history.bars.close.flags.writeable


def test_a_single_run_says_that_it_was_the_strategy():
    with pytest.raises(StrategyFailedError, match=f"{Normalizing.name} failed on S: ValueError:"):
        VectorBTEngine().portfolio(random_history("S", 200, seed=4), Normalizing(), WINDOW)
