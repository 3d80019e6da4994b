"""Momentum confirmed by volume."""

from dataclasses import dataclass
from typing import ClassVar

from strategies.base import Bars, Signals, Strategy, parameter
from strategies.comparisons import is_above, is_below, scale
from strategies.indicators import rate_of_change, sma

# Below this share of its average, volume no longer supports the move.
_LOW_VOLUME = 0.8


@dataclass(frozen=True)
class VolumeMomentum(Strategy):
    """In on a rise with high volume, out on a fall or on low volume.

    In: the return over `momentum_period` bars is above `momentum_threshold` and the volume above
    `volume_multiplier` times its SMA. Out: the return is below the negative threshold, or the
    volume below 0.8 times its SMA. The SMA of the volume includes the bar itself. Volume is as
    traded: for `volume_period` bars after a split it is compared with an average in old shares.
    """

    uses_volume: ClassVar[bool] = True

    momentum_period: int = parameter(20, minimum=2, sweep=(10, 20, 30))
    volume_period: int = parameter(20, minimum=2, sweep=(10, 20, 30))
    momentum_threshold: float = parameter(0.05, minimum=0.0, maximum=1.0, sweep=(0.03, 0.05, 0.07))
    volume_multiplier: float = parameter(1.5, minimum=0.1, maximum=100.0, sweep=(1.2, 1.5, 2.0))

    @property
    def lookback_bars(self) -> int:
        """The longer of the return and the average volume."""
        return max(self.momentum_period, self.volume_period - 1)

    def signals(self, bars: Bars) -> Signals:
        """Return where price and volume confirm each other, and where either reverses."""
        change = rate_of_change(bars.close, self.momentum_period)
        average = sma(bars.volume, self.volume_period)
        return Signals(
            entries=is_above(change, self.momentum_threshold, size=1.0)
            & is_above(bars.volume, scale(average, self.volume_multiplier)),
            exits=is_below(change, -self.momentum_threshold, size=1.0)
            | is_below(bars.volume, scale(average, _LOW_VOLUME)),
        )
