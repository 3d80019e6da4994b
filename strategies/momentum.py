"""Momentum: a rise continues."""

from dataclasses import dataclass

from strategies.base import Bars, Floats, Signals, Strategy, parameter
from strategies.comparisons import is_above, is_below
from strategies.indicators import rate_of_change


@dataclass(frozen=True)
class Momentum(Strategy):
    """In while the return over `lookback` bars is above `threshold`, out below its negative."""

    lookback: int = parameter(20, minimum=2, sweep=(10, 15, 20, 25, 30))
    threshold: float = parameter(
        0.05, minimum=0.0, maximum=1.0, sweep=(0.02, 0.03, 0.05, 0.07, 0.10)
    )

    @property
    def lookback_bars(self) -> int:
        """The bar that the return is measured from."""
        return self.lookback

    def signals(self, bars: Bars) -> Signals:
        """Return where the return is beyond the threshold either way."""
        change = rate_of_change(bars.close, self.lookback)
        return Signals(
            entries=is_above(change, self.threshold, size=1.0),
            exits=is_below(change, -self.threshold, size=1.0),
        )

    def strength(self, bars: Bars) -> Floats:
        """Return the return over `lookback` bars."""
        return rate_of_change(bars.close, self.lookback)
