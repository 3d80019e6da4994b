"""Bars from a notebook's own source: any object that returns pandas frames."""

import asyncio
import inspect
from collections.abc import Awaitable
from datetime import date
from typing import TYPE_CHECKING, Protocol

import numpy as np

from engine.errors import UnusableBarsError
from engine.history import History, infer_bars_per_year
from strategies.base import Bars

if TYPE_CHECKING:
    import pandas as pd

_COLUMNS = ("open", "high", "low", "close", "volume")
_OPTIONAL = frozenset({"high", "low"})


class DataProvider(Protocol):
    """Something that has bars; the method may be a coroutine."""

    def get_stock_data(
        self, symbol: str, start_date: date, end_date: date, interval: str
    ) -> "pd.DataFrame | Awaitable[pd.DataFrame]":
        """Return bars indexed by day, oldest first.

        Columns Open, High, Low, Close and Volume in any letter case; prices adjusted. High and
        Low may be missing unless a stop needs them. Days outside the dates are allowed.
        """
        ...


async def fetch_history(provider: DataProvider, symbol: str, start: date, end: date) -> History:
    """Return the provider's daily bars of `symbol` as a history.

    Raises
    ------
    UnusableBarsError
        When the frame lacks a column or its index does not hold days.
    """
    fetch = provider.get_stock_data
    if inspect.iscoroutinefunction(fetch):
        frame = await fetch(symbol, start, end, "1d")
    else:
        # It may wait for a network; the event loop must not.
        frame = await asyncio.to_thread(fetch, symbol, start, end, "1d")
    if inspect.isawaitable(frame):
        frame = await frame
    return frame_to_history(symbol, frame)


def frame_to_history(symbol: str, frame: "pd.DataFrame") -> History:
    """Return a pandas frame of bars as a history; `DataProvider` says what it must hold.

    Its bars per year follow from its days, see `engine.history.infer_bars_per_year`.
    """
    import pandas as pd

    if not isinstance(frame, pd.DataFrame):
        raise UnusableBarsError(
            f"{symbol} is a {type(frame).__name__}; needed: a pandas DataFrame of bars."
        )
    names = [str(column).lower() for column in frame.columns]
    repeated = sorted({name for name in _COLUMNS if names.count(name) > 1})
    if repeated:
        raise UnusableBarsError(f"{symbol} has more than one column {', '.join(repeated)}.")
    by_name = {name: frame.iloc[:, position] for position, name in enumerate(names)}
    missing = [name for name in _COLUMNS if name not in by_name and name not in _OPTIONAL]
    if missing:
        raise UnusableBarsError(
            f"{symbol} has no column {', '.join(missing)}; it has: "
            f"{', '.join(map(str, frame.columns)) or 'none'}."
        )
    if not isinstance(frame.index, pd.DatetimeIndex):
        raise UnusableBarsError(f"{symbol} must be indexed by day (a DatetimeIndex).")
    # A session is its exchange's day, whatever the UTC offset; in UTC it could be the next day.
    days = frame.index.tz_localize(None).to_numpy().astype("datetime64[D]")
    undefined = np.full(len(frame), np.nan)
    columns = {name: by_name.get(name, undefined) for name in _COLUMNS}
    try:
        bars = {name: np.ascontiguousarray(values, np.float64) for name, values in columns.items()}
    except (TypeError, ValueError) as error:
        raise UnusableBarsError(f"{symbol} has a value that is not a number: {error}.") from error
    return History(symbol, days, Bars(**bars), bars_per_year=infer_bars_per_year(days))
