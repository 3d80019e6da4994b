"""Mean reversion: prices return to their average."""

from dataclasses import dataclass

from strategies.base import Bars, Bools, Floats, Signals, Strategy, parameter
from strategies.comparisons import is_above, is_below
from strategies.indicator_cache import cached_step
from strategies.indicators import sma


@dataclass(frozen=True)
class MeanReversion(Strategy):
    """In while the close is `entry_threshold` below its SMA, out `exit_threshold` above it."""

    ma_period: int = parameter(20, minimum=2, sweep=(15, 20, 30, 50))
    entry_threshold: float = parameter(
        0.02, minimum=0.0, maximum=1.0, sweep=(0.01, 0.02, 0.03, 0.05)
    )
    exit_threshold: float = parameter(0.01, minimum=0.0, maximum=1.0, sweep=(0.0, 0.01, 0.02))

    @property
    def lookback_bars(self) -> int:
        """The average."""
        return self.ma_period - 1

    def signals(self, bars: Bars) -> Signals:
        """Return where the close is further from its SMA than a threshold."""
        return Signals(
            entries=_is_far_below(bars.close, self.ma_period, self.entry_threshold),
            exits=_is_far_above(bars.close, self.ma_period, self.exit_threshold),
        )

    def strength(self, bars: Bars) -> Floats:
        """Return how far the close is below its SMA, as a fraction of it."""
        return 1.0 - bars.close / sma(bars.close, self.ma_period)


@cached_step
def _is_far_below(close: Floats, period: int, threshold: float) -> Bools:
    average = sma(close, period)
    return is_below(close, average * (1.0 - threshold), size=average)


@cached_step
def _is_far_above(close: Floats, period: int, threshold: float) -> Bools:
    average = sma(close, period)
    return is_above(close, average * (1.0 + threshold), size=average)
