"""A strategy that replays ready-made signals, so that rivals are timed on the same ones."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from engine.history import History
from strategies.base import Bars, Signals, Strategy


@dataclass(frozen=True)
class Replay(Strategy):
    """Answers each symbol's bars with the signals kept for it.

    A strategy is shown bars and no name: random walks are told apart by their first close.
    """

    def __init__(self, kept: Mapping[float, Signals]) -> None:
        object.__setattr__(self, "kept", kept)

    @classmethod
    def of(cls, strategy: Strategy, histories: Iterable[History]) -> "Replay":
        """Return the replay of what a strategy says to each history."""
        kept: dict[float, Signals] = {}
        for history in histories:
            first = history.bars.close[0]
            if first in kept:
                raise ValueError(f"{history.symbol} begins with the close of another symbol.")
            kept[first] = strategy.signals(history.bars)
        return cls(kept)

    @property
    def lookback_bars(self) -> int:
        """None is needed."""
        return 0

    def signals(self, bars: Bars) -> Signals:
        """Return what was kept."""
        return self.__dict__["kept"][bars.close[0]]
