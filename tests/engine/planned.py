"""A strategy whose signals are written by hand, for tests of what the engine does with them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from strategies.base import Bars, Signals, Strategy


@dataclass(frozen=True)
class Planned(Strategy):
    """Enters and exits on the bars that it is told, counted from the history's first."""

    def __init__(self, entries: Sequence[int], exits: Sequence[int]) -> None:
        object.__setattr__(self, "plan", (tuple(entries), tuple(exits)))

    @property
    def lookback_bars(self) -> int:
        return 0

    def signals(self, bars: Bars) -> Signals:
        return Signals(*(np.isin(np.arange(len(bars)), bars_on) for bars_on in self.plan))  # pyright: ignore[reportAttributeAccessIssue]
