"""Moving average convergence and divergence."""

from dataclasses import dataclass

from strategies.base import Bars, Signals, Strategy, parameter
from strategies.crossings import crossings
from strategies.indicators import macd


@dataclass(frozen=True)
class Macd(Strategy):
    """In when the MACD line crosses above its signal line, out when below."""

    fast_period: int = parameter(12, minimum=2, sweep=(8, 10, 12, 14))
    slow_period: int = parameter(26, minimum=2, sweep=(21, 24, 26, 30))
    signal_period: int = parameter(9, minimum=2, sweep=(7, 9, 11))

    def check(self) -> None:
        """Refuse a fast average that is not the faster one."""
        self.require_less("fast_period", "slow_period")

    @property
    def lookback_bars(self) -> int:
        """The slow average, then the signal line's average of that, then one bar to cross."""
        return self.slow_period + self.signal_period - 1

    def signals(self, bars: Bars) -> Signals:
        """Return the crossings of the two lines."""
        line, signal = macd(bars.close, self.fast_period, self.slow_period, self.signal_period)
        # Both lines are differences of averages of the close, with its rounding errors.
        return Signals(*crossings(line, signal, size=bars.close))
