"""Channel breakout on closes."""

from dataclasses import dataclass

from strategies.base import Bars, Bools, Floats, Signals, Strategy, parameter
from strategies.comparisons import is_above, is_below
from strategies.indicator_cache import cached_step
from strategies.indicators import highest_before, lowest_before


@dataclass(frozen=True)
class Breakout(Strategy):
    """In above the highest close of the `lookback` bars before, out below the lowest.

    The channels exclude the bar that breaks them; the exit channel has its own `exit_lookback`,
    usually a shorter one.
    """

    lookback: int = parameter(20, minimum=2, sweep=(10, 20, 30, 50))
    exit_lookback: int = parameter(10, minimum=2, sweep=(5, 10, 15, 20))

    @property
    def lookback_bars(self) -> int:
        """The longer of the two channels."""
        return max(self.lookback, self.exit_lookback)

    def signals(self, bars: Bars) -> Signals:
        """Return where the close leaves a channel."""
        return Signals(
            entries=_rises_out(bars.close, self.lookback),
            exits=_falls_out(bars.close, self.exit_lookback),
        )


@cached_step
def _rises_out(close: Floats, lookback: int) -> Bools:
    return is_above(close, highest_before(close, lookback))


@cached_step
def _falls_out(close: Floats, lookback: int) -> Bools:
    return is_below(close, lowest_before(close, lookback))
