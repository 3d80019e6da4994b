"""Exponential moving averages crossing."""

from dataclasses import dataclass

from strategies.base import Bars, Signals, Strategy, parameter
from strategies.crossings import crossings
from strategies.indicators import ema


@dataclass(frozen=True)
class EmaCross(Strategy):
    """In when the fast EMA of the close crosses above the slow one, out when below."""

    fast_period: int = parameter(12, minimum=2, sweep=(8, 12, 16, 20))
    slow_period: int = parameter(26, minimum=2, sweep=(20, 26, 35, 50))

    def check(self) -> None:
        """Refuse a fast average that is not faster."""
        self.require_less("fast_period", "slow_period")

    @property
    def lookback_bars(self) -> int:
        """The slow average, and the bar before it to cross from."""
        return self.slow_period

    def signals(self, bars: Bars) -> Signals:
        """Return the crossings of the two averages."""
        fast, slow = ema(bars.close, self.fast_period), ema(bars.close, self.slow_period)
        return Signals(*crossings(fast, slow))
