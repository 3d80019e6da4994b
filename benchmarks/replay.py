"""A strategy that replays precomputed signals, so that contenders are timed on the same ones."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from engine.history import History
from strategies.base import Bars, Signals, Strategy


@dataclass(frozen=True)
class Replay(Strategy):
    """Returns the signals stored for each symbol's bars.

    A strategy gets bars and no symbol: the random walks are identified by their first close.
    """

    def __init__(self, stored: Mapping[float, Signals]) -> None:
        object.__setattr__(self, "stored", stored)

    @classmethod
    def of(cls, strategy: Strategy, histories: Iterable[History]) -> "Replay":
        """Return the replay of a strategy's signals for each history."""
        stored: dict[float, Signals] = {}
        for history in histories:
            first = history.bars.close[0]
            if first in stored:
                raise ValueError(f"{history.symbol} begins with the close of another symbol.")
            stored[first] = strategy.signals(history.bars)
        return cls(stored)

    @property
    def lookback_bars(self) -> int:
        """No earlier bar is needed."""
        return 0

    def signals(self, bars: Bars) -> Signals:
        """Return the stored signals."""
        return self.__dict__["stored"][bars.close[0]]
