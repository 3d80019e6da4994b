"""Simple moving averages crossing."""

from dataclasses import dataclass

from strategies.base import Bars, Signals, Strategy, parameter
from strategies.crossings import crossings
from strategies.indicators import sma


@dataclass(frozen=True)
class SmaCross(Strategy):
    """In when the fast SMA of the close crosses above the slow one, out when below."""

    fast_period: int = parameter(10, minimum=2, sweep=(5, 10, 15, 20))
    slow_period: int = parameter(20, minimum=2, sweep=(20, 30, 50, 100))

    def check(self) -> None:
        """Refuse a fast average that is not faster."""
        self.require_less("fast_period", "slow_period")

    @property
    def lookback_bars(self) -> int:
        """The slow average, and the bar before it to cross from."""
        return self.slow_period

    def signals(self, bars: Bars) -> Signals:
        """Return the crossings of the two averages."""
        fast, slow = sma(bars.close, self.fast_period), sma(bars.close, self.slow_period)
        return Signals(*crossings(fast, slow))
