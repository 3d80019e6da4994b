"""Bollinger bands, bought at the lower one."""

from dataclasses import dataclass

from strategies.base import Bars, Floats, Signals, Strategy, parameter
from strategies.comparisons import is_above
from strategies.crossings import falls_to, rises_to
from strategies.indicators import bollinger_bands, sma, standard_deviation


@dataclass(frozen=True)
class Bollinger(Strategy):
    """In when the close falls to the lower band, out when it rises to the upper one."""

    period: int = parameter(20, minimum=2, sweep=(10, 15, 20, 25))
    std_dev: float = parameter(2.0, minimum=0.1, maximum=10.0, sweep=(1.5, 2.0, 2.5, 3.0))

    @property
    def lookback_bars(self) -> int:
        """The bands, and the bar before them to fall or rise from."""
        return self.period

    def signals(self, bars: Bars) -> Signals:
        """Return where the close reaches a band."""
        lower, upper = bollinger_bands(bars.close, self.period, self.std_dev)
        return Signals(entries=falls_to(bars.close, lower), exits=rises_to(bars.close, upper))

    def strength(self, bars: Bars) -> Floats:
        """Return how many standard deviations the close is below its SMA; NaN where it is flat."""
        import numpy as np

        width = standard_deviation(bars.close, self.period)
        below = sma(bars.close, self.period) - bars.close
        known = is_above(width, 0.0, size=bars.close)
        return np.divide(below, width, out=np.full(len(bars), np.nan), where=known)
