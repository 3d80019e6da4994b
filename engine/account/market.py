"""What one account can trade: the prices of many symbols on the union of their days."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from engine.errors import UnusableBarsError
from engine.fill_bars import FillBars, find_volume
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
        Shares traded; NaN on days without a bar, and before a symbol's first volume, shape (T, S).
    ends
        Bar of the last close of a symbol that ended before the window, T for the others, shape
        (S,): what is held then is closed at that close.
    first
        The window's first bar. Those before it are history that sizes and ranks may look at;
        nothing is traded on them.
    volatility, half_spread
        What else costs may depend on, see `engine.costs.FillMarket`, shape (T, S); None where it is
        not known.
    """

    symbols: Sequence[str]
    dates: NDArray[np.datetime64] = field(repr=False)
    open: Floats = field(repr=False)
    close: Floats = field(repr=False)
    volume: Floats = field(repr=False)
    ends: Ints = field(repr=False)
    first: int = 0
    volatility: Floats | None = field(default=None, repr=False)
    half_spread: Floats | None = field(default=None, repr=False)

    @classmethod
    def of(
        cls,
        histories: Sequence[TradedHistory],
        window: Window,
        *,
        require_volume: bool = True,
        lookback: int = 0,
        with_quotes: bool = False,
    ) -> Self:
        """Return the market of some histories.

        Parameters
        ----------
        require_volume
            Whether nothing fills on a bar without volume, see `engine.settings.BacktestSettings`.
        lookback
            Bars of each symbol before the window that are kept as history, as far as there are any.
        with_quotes
            Whether volatility and spreads are needed: by costs that are not percentages.

        Raises
        ------
        UnusableBarsError
            Without histories.
        """
        if not histories:
            raise UnusableBarsError("An account needs the bars of one symbol or more.")
        histories = [replace(one, first=max(one.first - lookback, 0)) for one in histories]
        dates = _unite([one.dates[one.first :] for one in histories])
        shape = (len(dates), len(histories))
        open_, volume = np.full(shape, np.nan), np.full(shape, np.nan)
        volatility, spread = (
            np.full(shape, np.nan) if with_quotes else None for _ in ("volatility", "spread")
        )
        close, ends = np.zeros(shape), np.full(len(histories), len(dates))
        for column, history in enumerate(histories):
            at = _locate(dates, history.dates[history.first :])
            open_[at, column] = _find_fills(history, require_volume=require_volume)
            close[at, column] = history.bars.close[history.first :]
            volume[at, column] = find_volume(history)
            if volatility is not None and spread is not None:
                bars = FillBars.of([history])
                volatility[at, column], spread[at, column] = bars.volatility[0], bars.half_spread[0]
            if history.ends_before(window):
                ends[column] = np.searchsorted(dates, history.dates[-1])
        carry_forward(close)
        first = int(np.searchsorted(dates, window.days[0]))
        symbols = [one.symbol for one in histories]
        return cls(symbols, dates, open_, close, volume, ends, first, volatility, spread)

    def select(self, columns: Ints) -> Self:
        """Return the market of some symbols, on the same days."""
        return replace(
            self,
            symbols=[self.symbols[one] for one in columns.tolist()],
            open=self.open[:, columns],
            close=self.close[:, columns],
            volume=self.volume[:, columns],
            ends=self.ends[columns],
            volatility=None if self.volatility is None else self.volatility[:, columns],
            half_spread=None if self.half_spread is None else self.half_spread[:, columns],
        )

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


def _find_fills(history: TradedHistory, *, require_volume: bool) -> Floats:
    open_ = history.bars.open[history.first :]
    if not require_volume or (traded := find_traded(history)).all():
        return open_
    return np.where(traded, open_, np.nan)


def _unite(days: Sequence[NDArray[np.datetime64]]) -> NDArray[np.datetime64]:
    first = days[0]
    if all(len(one) == len(first) and (one == first).all() for one in days):
        return first
    return np.unique(np.concatenate(days))


def _locate(
    dates: NDArray[np.datetime64], days: NDArray[np.datetime64]
) -> slice | NDArray[np.int64]:
    return slice(None) if len(days) == len(dates) else np.searchsorted(dates, days)
