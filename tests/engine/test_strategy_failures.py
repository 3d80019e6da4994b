"""The error of a single run names the failing strategy and the line."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import pytest

from engine.backtest import VectorBTEngine
from engine.errors import StrategyFailedError
from engine.settings import Window
from strategies.base import Bars, Signals, Strategy
from tests.bars import random_history

WINDOW = Window(date(2021, 1, 1), date(2022, 12, 31))


@dataclass(frozen=True)
class Normalizing(Strategy):
    """Divides its bars by their first close, in place."""

    @property
    def lookback_bars(self) -> int:
        return 0

    def signals(self, bars: Bars) -> Signals:
        bars.close[:] = bars.close / bars.close[0]
        nothing = np.zeros(len(bars), dtype=np.bool_)
        return Signals(nothing, nothing)


def test_a_single_run_names_the_failing_strategy():
    with pytest.raises(
        StrategyFailedError, match=f"{Normalizing.name} failed on S: ValueError: .*failures.py:"
    ):
        VectorBTEngine().portfolio(random_history("S", 200, seed=4), Normalizing(), WINDOW)
