"""A strategy that fails on some symbols, for tests of what research makes of failures."""

from dataclasses import dataclass

import numpy as np

from strategies.base import Bars, Signals, Strategy, parameter


@dataclass(frozen=True)
class Refusing(Strategy):
    """Holds from the first bar on; fails on histories of this many bars."""

    bars: int = parameter(50, minimum=0, sweep=(50,))

    @property
    def lookback_bars(self) -> int:
        return 0

    def signals(self, bars: Bars) -> Signals:
        if len(bars) == self.bars:
            raise ValueError("not these bars")
        return Signals(np.arange(len(bars)) == 0, np.zeros(len(bars), dtype=bool))
