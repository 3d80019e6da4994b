"""Relative strength index, bought when oversold."""

from dataclasses import dataclass

from strategies.base import Bars, Floats, Signals, Strategy, parameter
from strategies.crossings import crosses_above, crosses_below
from strategies.indicator_cache import cached_step
from strategies.indicators import rsi

# Of a sweep's 48 points, 12 enter and 12 leave on bars of their own.
_falls_below, _rises_above = cached_step(crosses_below), cached_step(crosses_above)


@dataclass(frozen=True)
class Rsi(Strategy):
    """In when Wilder's RSI falls through `oversold`, out when it rises through `overbought`."""

    period: int = parameter(14, minimum=2, sweep=(7, 14, 21))
    oversold: float = parameter(30.0, minimum=0.0, maximum=100.0, sweep=(20, 25, 30, 35))
    overbought: float = parameter(70.0, minimum=0.0, maximum=100.0, sweep=(65, 70, 75, 80))

    def check(self) -> None:
        """Refuse an oversold level that is not below the overbought one."""
        self.require_less("oversold", "overbought")

    @property
    def lookback_bars(self) -> int:
        """The first RSI needs `period` changes; crossing needs one bar more."""
        return self.period + 1

    def signals(self, bars: Bars) -> Signals:
        """Return where the RSI leaves the band between the two levels."""
        index = rsi(bars.close, self.period)
        return Signals(
            entries=_falls_below(index, self.oversold, size=100.0),
            exits=_rises_above(index, self.overbought, size=100.0),
        )

    def strength(self, bars: Bars) -> Floats:
        """Return how far the RSI is below `oversold`, in its points."""
        return self.oversold - rsi(bars.close, self.period)
