"""How strong the signals of strategies are, for an account that can't take all of them."""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from engine.errors import InvalidSignalsError
from strategies.base import Bars, Signals, Strategy

Strengths = NDArray[np.float32]
"""Of each symbol at each close, NaN where it is unknown, shape (D, S). In single precision, which
is half of the memory: what differs by less than 1e-7 is equal, and rounding decides nothing."""


@dataclass(frozen=True, eq=False)
class RecordedStrength(Strategy):
    """A strategy that is asked for its strength whenever it is for its signals.

    So both are computed with the same indicators, and where one fails so does the other.

    Parameters
    ----------
    strategy
        Whose name, signals and strength it has; it is not registered.
    """

    strategy: Strategy
    _recorded: list[NDArray[np.floating]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Take the name of the strategy; there are no parameters to validate."""
        object.__setattr__(self, "name", self.strategy.name)

    @property
    def lookback_bars(self) -> int:
        """That of the strategy."""
        return self.strategy.lookback_bars

    def signals(self, bars: Bars) -> Signals:
        """Return the signals of the strategy, and record their strength.

        Raises
        ------
        InvalidSignalsError
            When the strength is neither None nor a float per bar.
        """
        signals, strength = self.strategy.signals(bars), self.strategy.strength(bars)
        if strength is not None:
            given = np.asarray(strength)
            if given.dtype.kind != "f" or given.shape != bars.close.shape:
                raise InvalidSignalsError(
                    f"{self.name} returned a strength of {given.dtype} {given.shape}; needed: "
                    f"float64 {bars.close.shape}, one per bar, or None."
                )
            self._recorded.append(given)
        return signals

    def take(self) -> NDArray[np.floating] | None:
        """Return what was recorded last, and forget it; None if nothing was."""
        found = self._recorded[-1] if self._recorded else None
        self._recorded.clear()
        return found


@dataclass(frozen=True, eq=False)
class StrategyStrengths:
    """What one of an account's strategies says of its symbols, at the closes of the window.

    Parameters
    ----------
    weight
        Share of the strategy in what is wanted of a symbol.
    sides
        That it wants, shape (D, S).
    strengths
        None where the strategy has none.
    """

    weight: float
    sides: NDArray[np.int8] = field(repr=False)
    strengths: Strengths | None = field(repr=False)

    def select(self, columns: NDArray[np.int64]) -> "StrategyStrengths":
        """Return what it says of some symbols."""
        chosen = None if self.strengths is None else self.strengths[:, columns]
        return replace(self, sides=self.sides[:, columns], strengths=chosen)
