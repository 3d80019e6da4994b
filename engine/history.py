"""One symbol's bars on their dates, and the part of them that a window trades."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from engine.errors import UnusableBarsError
from engine.settings import Window
from strategies.base import Bars


@dataclass(frozen=True)
class History:
    """One symbol's bars, oldest first, those before the window included as warm-up.

    Parameters
    ----------
    symbol
        Its name, for messages and results.
    dates
        ``datetime64[D]``, strictly ascending, one a bar.
    bars
        Adjusted prices and volume, as long as `dates`, without NaN.
    """

    symbol: str
    dates: NDArray[np.datetime64] = field(repr=False)
    bars: Bars = field(repr=False)

    def up_to_end_of(self, window: Window) -> "History":
        """Return the history without the bars after the window, checked for use.

        Raises
        ------
        UnusableBarsError
            When the window holds no bar, dates are not ascending, or a price is NaN, infinite
            or not positive.
        """
        stop = int(np.searchsorted(self.dates, np.datetime64(window.end, "D"), side="right"))
        cut = History(self.symbol, self.dates[:stop], _first(self.bars, stop))
        cut._check(window)
        return cut

    def first_bar_in(self, window: Window) -> int:
        """Return the index of the window's first bar."""
        return int(np.searchsorted(self.dates, np.datetime64(window.start, "D"), side="left"))

    def _check(self, window: Window) -> None:
        if self.first_bar_in(window) >= len(self.dates):
            raise UnusableBarsError(
                f"{self.symbol} has no bars between {window.start} and {window.end}."
            )
        if not (self.dates[1:] > self.dates[:-1]).all():
            raise UnusableBarsError(f"{self.symbol} has dates that do not ascend.")
        for name in ("open", "high", "low", "close"):
            prices = getattr(self.bars, name)
            bad = ~(np.isfinite(prices) & (prices > 0))
            if bad.any():
                raise UnusableBarsError(
                    f"{self.symbol} has the {name} {prices[bad.argmax()]} "
                    f"on {self.dates[bad.argmax()]}; prices must be positive numbers."
                )
        if not np.isfinite(self.bars.volume).all():
            raise UnusableBarsError(f"{self.symbol} has a volume that is not a number.")


def _first(bars: Bars, stop: int) -> Bars:
    return Bars(
        open=bars.open[:stop],
        high=bars.high[:stop],
        low=bars.low[:stop],
        close=bars.close[:stop],
        volume=bars.volume[:stop],
    )
