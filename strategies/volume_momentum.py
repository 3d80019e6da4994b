"""Momentum confirmed by volume."""

from dataclasses import dataclass
from typing import ClassVar

from strategies.base import Bars, Bools, Floats, Signals, Strategy, parameter
from strategies.comparisons import is_above, is_below
from strategies.indicator_cache import cached_step
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
        period, threshold = self.momentum_period, self.momentum_threshold
        return Signals(
            entries=_rises(bars.close, period, threshold)
            & _is_high(bars.volume, self.volume_period, self.volume_multiplier),
            exits=_falls(bars.close, period, threshold) | _is_low(bars.volume, self.volume_period),
        )

    def strength(self, bars: Bars) -> Floats:
        """Return the return over `momentum_period` bars."""
        return rate_of_change(bars.close, self.momentum_period)


@cached_step
def _rises(close: Floats, period: int, threshold: float) -> Bools:
    return is_above(rate_of_change(close, period), threshold, size=1.0)


@cached_step
def _falls(close: Floats, period: int, threshold: float) -> Bools:
    return is_below(rate_of_change(close, period), -threshold, size=1.0)


@cached_step
def _is_high(volume: Floats, period: int, multiplier: float) -> Bools:
    return is_above(volume, multiplier * sma(volume, period))


@cached_step
def _is_low(volume: Floats, period: int) -> Bools:
    return is_below(volume, _LOW_VOLUME * sma(volume, period))
