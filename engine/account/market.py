"""What one account can trade: the prices of many symbols on the union of their days."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from engine.errors import UnusableBarsError
from engine.history import TradedHistory
from engine.orders import find_traded
from engine.settings import Window
from strategies.base import Floats, Ints


@dataclass(frozen=True, eq=False)
class AccountMarket:
    """Prices of S symbols on T days, the union of their days in a window.

    Parameters
    ----------
    symbols
        Their names, in the order that decides where nothing else does.
    dates
        ``datetime64[D]``, ascending, shape (T,).
    open
        Price at which orders fill, NaN on a day without trade, shape (T, S).
    close
        The last close, on days without a bar that of the bar before; 0 before the first, shape
        (T, S).
    volume
        Shares traded, NaN on days without a bar, shape (T, S).
    ends
        Bar of the last close of a symbol that ended before the window, T for the others, shape
        (S,): what is held then is closed at that close.
    """

    symbols: Sequence[str]
    dates: NDArray[np.datetime64] = field(repr=False)
    open: Floats = field(repr=False)
    close: Floats = field(repr=False)
    volume: Floats = field(repr=False)
    ends: Ints = field(repr=False)

    @classmethod
    def of(
        cls, histories: Sequence[TradedHistory], window: Window, *, require_volume: bool = True
    ) -> Self:
        """Return the market of some histories.

        Parameters
        ----------
        require_volume
            Whether nothing fills on a bar without volume, see `engine.settings.BacktestSettings`.

        Raises
        ------
        UnusableBarsError
            Without histories.
        """
        if not histories:
            raise UnusableBarsError("An account needs the bars of one symbol or more.")
        dates = _unite([one.dates[one.first :] for one in histories])
        shape = (len(dates), len(histories))
        open_, volume = np.full(shape, np.nan), np.full(shape, np.nan)
        close, ends = np.zeros(shape), np.full(len(histories), len(dates))
        for column, history in enumerate(histories):
            first, bars = history.first, history.bars
            at = _locate(dates, history.dates[first:])
            fills = bars.open[first:]
            if require_volume and not (traded := find_traded(history)).all():
                fills = np.where(traded, fills, np.nan)
            open_[at, column] = fills
            close[at, column] = bars.close[first:]
            volume[at, column] = bars.volume[first:]
            if history.ends_before(window):
                ends[column] = np.searchsorted(dates, history.dates[-1])
        carry_forward(close)
        return cls([one.symbol for one in histories], dates, open_, close, volume, ends)

    def mark(self, bar: int) -> Floats:
        """Return the prices at the open of a bar: where there is none, the close before, (S,)."""
        open_ = self.open[bar]
        return np.where(np.isfinite(open_), open_, self.close[bar - 1])


def carry_forward(close: Floats) -> None:
    """Replace each 0 of a matrix of closes, shape (T, S), by the close of the bar before."""
    # Row by row: a matrix of indices would take as much memory again.
    for bar in range(1, len(close)):
        missing = close[bar] == 0
        if missing.any():
            close[bar, missing] = close[bar - 1, missing]


def _unite(days: Sequence[NDArray[np.datetime64]]) -> NDArray[np.datetime64]:
    first = days[0]
    if all(len(one) == len(first) and (one == first).all() for one in days):
        return first
    return np.unique(np.concatenate(days))


def _locate(
    dates: NDArray[np.datetime64], days: NDArray[np.datetime64]
) -> slice | NDArray[np.int64]:
    return slice(None) if len(days) == len(dates) else np.searchsorted(dates, days)
