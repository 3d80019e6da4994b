"""Bars from a notebook's own source: any object that returns pandas frames."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from datetime import date
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from engine.errors import UnusableBarsError
from engine.history import History, infer_bars_per_year
from strategies.base import Bars, Floats

if TYPE_CHECKING:
    import pandas as pd

_COLUMNS = ("open", "high", "low", "close", "volume")
_OPTIONAL = frozenset({"high", "low"})
_ADJUSTED = "adjusted close"
_ADJUSTED_CLOSE = frozenset({"adj close", "adj_close", "adjclose", "adjusted close"})
_ARGUMENTS = ("symbol", "start_date", "end_date", "interval")

ROUNDING = 1e-6
"""How far, relative to its size, a high or low may be from an open or close that it must contain:
providers adjust with float32, or round each price for itself."""


class DataProvider(Protocol):
    """Something that has bars; the method may be a coroutine.

    A coroutine `get_stock_data_async` is preferred, where there is one. The dates are text if
    `run_backtest` was given its start as text, and dates otherwise.
    """

    def get_stock_data(
        self, symbol: str, start_date: date, end_date: date, interval: str
    ) -> "pd.DataFrame | Awaitable[pd.DataFrame]":
        """Return bars indexed by day; see `frame_to_history`. Days outside the dates are allowed.

        A method that takes fewer of these arguments is given those that it takes.
        """
        ...


async def fetch_history(
    provider: DataProvider, symbol: str, start: date | str, end: date | str
) -> History:
    """Return the provider's daily bars of `symbol` as a history.

    Raises
    ------
    UnusableBarsError
        As `frame_to_history`, and when the provider has nothing.
    """
    fetch = getattr(provider, "get_stock_data_async", None)
    if not inspect.iscoroutinefunction(fetch):  # a Mock has every attribute
        fetch = provider.get_stock_data
    arguments: dict[str, Any] = dict(zip(_ARGUMENTS, (symbol, start, end, "1d"), strict=True))
    if inspect.iscoroutinefunction(fetch):
        frame = await _call(fetch, arguments)
    else:
        # It may wait for a network; the event loop must not.
        frame = await asyncio.to_thread(_call, fetch, arguments)
    if inspect.isawaitable(frame):
        frame = await frame
    if frame is None:
        raise UnusableBarsError(f"{symbol} has no bars: the data provider returned None.")
    return frame_to_history(symbol, frame)


def frame_to_history(symbol: str, frame: "pd.DataFrame") -> History:
    """Return a pandas frame of bars as a history.

    Parameters
    ----------
    symbol
        Its name.
    frame
        Indexed by day, in any order. Columns Open, High, Low, Close and Volume in any letter case;
        others are ignored, but for Adj Close: with it, all prices are multiplied by its ratio to
        the close. Without it, prices must be adjusted already. High and Low may be missing unless
        a stop needs them. One that misses the open or close by rounding is moved to it.

    Returns
    -------
    Its bars, oldest first; bars per year follow from their days, see
    `engine.history.infer_bars_per_year`.

    Raises
    ------
    UnusableBarsError
        For what is not such a frame, a value that is not a number, and a high below or a low above
        another price of its day.
    """
    import pandas as pd

    if not isinstance(frame, pd.DataFrame):
        raise UnusableBarsError(
            f"{symbol} is a {type(frame).__name__}; needed: a pandas DataFrame of bars."
        )
    columns = _read_columns(symbol, frame)
    if not isinstance(frame.index, pd.DatetimeIndex):
        raise UnusableBarsError(f"{symbol} must be indexed by day (a DatetimeIndex).")
    # A session is its exchange's day, whatever the UTC offset; in UTC it could be the next day.
    days = frame.index.tz_localize(None).to_numpy().astype("datetime64[D]")
    if not (days[1:] >= days[:-1]).all():
        order = np.argsort(days, kind="stable")
        days, columns = days[order], {name: values[order] for name, values in columns.items()}
    adjusted = columns.pop(_ADJUSTED, None)
    if adjusted is not None:
        _adjust(columns, adjusted)
    _contain(symbol, days, columns)
    return History(symbol, days, Bars(**columns), bars_per_year=infer_bars_per_year(days))


def _call(fetch: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    """Call a provider's method with the arguments that it takes, by name where it has the names."""
    # What a Mock does is in its side_effect; its own signature takes everything.
    does = getattr(fetch, "side_effect", None)
    try:
        parameters = inspect.signature(does if callable(does) else fetch).parameters
    except (TypeError, ValueError):  # a function of C says nothing
        return fetch(*arguments.values())
    kinds = [one.kind for one in parameters.values()]
    if inspect.Parameter.VAR_KEYWORD in kinds:
        return fetch(**arguments)
    named = {name: value for name, value in arguments.items() if name in parameters}
    unnamed = inspect.Parameter.VAR_POSITIONAL in kinds or len(parameters) >= len(arguments)
    if len(named) < len(arguments) and unnamed:
        return fetch(*arguments.values())
    return fetch(**named)


def _read_columns(symbol: str, frame: "pd.DataFrame") -> dict[str, Floats]:
    """Return the columns of bars by name, NaN for those that may be missing."""
    names = [str(label).lower() for label in frame.columns]
    names = [_ADJUSTED if name in _ADJUSTED_CLOSE else name for name in names]
    wanted = [name for name in (*_COLUMNS, _ADJUSTED) if name in names]
    repeated = [name for name in wanted if names.count(name) > 1]
    if repeated:
        raise UnusableBarsError(f"{symbol} has more than one column {', '.join(repeated)}.")
    missing = [name for name in _COLUMNS if name not in wanted and name not in _OPTIONAL]
    if missing:
        raise UnusableBarsError(
            f"{symbol} has no column {', '.join(missing)}; it has: "
            f"{', '.join(map(str, frame.columns)) or 'none'}."
        )
    if len(wanted) < len(names):  # others may hold text
        frame = frame.iloc[:, [names.index(name) for name in wanted]]
        names = wanted
    try:
        # Transposed: each column is one piece of memory. One call: of pandas, each takes its time.
        values = np.ascontiguousarray(frame.to_numpy(np.float64).T)
    except (TypeError, ValueError) as error:
        raise UnusableBarsError(f"{symbol} has a value that is not a number: {error}.") from error
    undefined = np.full(len(frame), np.nan)
    return {**dict.fromkeys(_COLUMNS, undefined), **dict(zip(names, values, strict=True))}


def _adjust(columns: dict[str, Floats], adjusted: Floats) -> None:
    """Multiply prices by what adjusts the close; the adjusted close itself is kept to the bit."""
    close = columns["close"]
    if np.array_equal(adjusted, close):
        return
    with np.errstate(divide="ignore", invalid="ignore"):  # such prices are refused later, by name
        factor = adjusted / close
    for name in ("open", "high", "low"):
        columns[name] = columns[name] * factor
    columns["close"] = adjusted


def _contain(symbol: str, days: "np.ndarray", columns: dict[str, Floats]) -> None:
    """Move highs and lows that miss another price by rounding; refuse those that miss it by more.

    Comparisons with NaN are false: bars without highs and lows have nothing to contain.
    """
    body = columns["open"], columns["close"]
    for name, bound, sign in (("high", np.maximum(*body), 1.0), ("low", np.minimum(*body), -1.0)):
        misses = sign * (bound - columns[name])
        if not (misses > 0.0).any():
            continue
        wrong = misses > ROUNDING * np.abs(bound)
        if wrong.any():
            row = wrong.argmax()
            raise UnusableBarsError(
                f"{symbol} has the {name} {columns[name][row]} on {days[row]}, "
                f"{'below' if sign > 0 else 'above'} its open or close {bound[row]}."
            )
        columns[name] = np.where(misses > 0.0, bound, columns[name])
