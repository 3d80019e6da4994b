"""A strategy whose signals are given, for tests of the engine."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from strategies.base import Bars, Signals, Strategy


@dataclass(frozen=True)
class Planned(Strategy):
    """Enters and exits on the given bars, counted from the first bar of the history."""

    def __init__(self, entries: Sequence[int], exits: Sequence[int]) -> None:
        object.__setattr__(self, "plan", (tuple(entries), tuple(exits)))

    @property
    def lookback_bars(self) -> int:
        return 0

    def signals(self, bars: Bars) -> Signals:
        return Signals(*(np.isin(np.arange(len(bars)), bars_on) for bars_on in self.plan))  # pyright: ignore[reportAttributeAccessIssue]
