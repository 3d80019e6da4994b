"""A strategy whose signals are computed once, in however many simulations of the same bars."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from strategies.base import Bars, Bools, Signals, Strategy

Bits = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class RememberedSignals(Strategy):
    """The signals of a strategy, which no costs and no first day decide.

    Bars are told apart by where they are in memory: whoever uses it holds the histories meanwhile.

    Parameters
    ----------
    strategy
        Whose name and signals it has; it is not registered, and has no parameters of its own.
    """

    strategy: Strategy
    _known: dict[tuple[int, int], tuple[Bits, Bits]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Take the name of the strategy; there are no parameters to validate."""
        object.__setattr__(self, "name", self.strategy.name)

    def parameters(self) -> dict[str, Any]:
        """Return none."""
        return {}

    @property
    def lookback_bars(self) -> int:
        """That of the strategy."""
        return self.strategy.lookback_bars

    def signals(self, bars: Bars) -> Signals:
        """Return the strategy's, packed into bits meanwhile; what is no signals is let through."""
        place = bars.close.ctypes.data, len(bars)
        if place in self._known:
            return Signals(*(_unpack(bits, len(bars)) for bits in self._known[place]))
        given = self.strategy.signals(bars)
        if isinstance(given, Signals):
            both = [np.asarray(one) for one in (given.entries, given.exits)]
            if all(one.dtype == np.bool_ and one.shape == bars.close.shape for one in both):
                self._known[place] = np.packbits(both[0]), np.packbits(both[1])
        return given


def _unpack(bits: Bits, bars: int) -> Bools:
    return np.unpackbits(bits, count=bars).view(np.bool_)
