"""Bars from a notebook's own source: any object that gives pandas frames."""

import asyncio
import inspect
from collections.abc import Awaitable
from datetime import date
from typing import TYPE_CHECKING, Protocol

import numpy as np

from engine.errors import UnusableBarsError
from engine.history import History
from strategies.base import Bars

if TYPE_CHECKING:
    import pandas as pd

_COLUMNS = ("open", "high", "low", "close", "volume")
_OPTIONAL = frozenset({"high", "low"})


class DataProvider(Protocol):
    """Whoever has bars; the method may be a coroutine."""

    def get_stock_data(
        self, symbol: str, start_date: date, end_date: date, interval: str
    ) -> "pd.DataFrame | Awaitable[pd.DataFrame]":
        """Return bars indexed by day, oldest first.

        Columns Open, High, Low, Close and Volume in any letter case; prices adjusted. High and
        Low may be left out where no stop needs them. Days outside the dates may be there.
        """
        ...


async def fetch_history(provider: DataProvider, symbol: str, start: date, end: date) -> History:
    """Return the provider's daily bars of `symbol` as a history.

    Raises
    ------
    UnusableBarsError
        When the frame lacks a column or its index is not of days.
    """
    fetch = provider.get_stock_data
    if inspect.iscoroutinefunction(fetch):
        frame = await fetch(symbol, start, end, "1d")
    else:
        # It may wait for a network, and the event loop must not wait with it.
        frame = await asyncio.to_thread(fetch, symbol, start, end, "1d")
    if inspect.isawaitable(frame):
        frame = await frame
    return history_of(symbol, frame)


def history_of(symbol: str, frame: "pd.DataFrame") -> History:
    """Return a pandas frame of bars as a history; see `fetch_history` for what it must hold."""
    import pandas as pd

    if not isinstance(frame, pd.DataFrame):
        raise UnusableBarsError(
            f"{symbol} came as a {type(frame).__name__}; needed: a pandas DataFrame of bars."
        )
    names = [str(column).lower() for column in frame.columns]
    doubled = sorted({name for name in _COLUMNS if names.count(name) > 1})
    if doubled:
        raise UnusableBarsError(f"{symbol} has more than one column {', '.join(doubled)}.")
    by_name = {name: frame.iloc[:, place] for place, name in enumerate(names)}
    missing = [name for name in _COLUMNS if name not in by_name and name not in _OPTIONAL]
    if missing:
        raise UnusableBarsError(
            f"{symbol} has no column {', '.join(missing)}; there are: "
            f"{', '.join(map(str, frame.columns)) or 'none'}."
        )
    if not isinstance(frame.index, pd.DatetimeIndex):
        raise UnusableBarsError(f"{symbol} must be indexed by day (a DatetimeIndex).")
    # A session is its exchange's day, whatever the offset; in UTC it could be the next one.
    days = frame.index.tz_localize(None).to_numpy().astype("datetime64[D]")
    nothing = np.full(len(frame), np.nan)
    columns = {name: by_name.get(name, nothing) for name in _COLUMNS}
    try:
        bars = {name: np.ascontiguousarray(values, np.float64) for name, values in columns.items()}
    except (TypeError, ValueError) as error:
        raise UnusableBarsError(f"{symbol} has a value that is not a number: {error}.") from error
    return History(symbol, days, Bars(**bars))
