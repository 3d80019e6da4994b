"""From what Yahoo gives to bars as they were traded, and one factor for splits and dividends.

Yahoo gives open, high, low, close and volume adjusted for all splits until today, dividends per
share of today, and both kinds of event. Of day t, with the splits (new shares for each old one) and
dividends whose ex-date comes after t,

    raw price  = price x splits
    raw volume = volume / splits
    adjustment = product of (1 - dividend / close of the bar before its ex-date) / splits

where splits is their product, which is how CRSP, and Yahoo, adjust for dividends. The capital gains
that a fund pays out are in its dividends already, so they are not counted again. Yahoo's own
"adjusted close" is not used: the same request gives other values of it each time, from the seventh
digit on (yfinance issue 1871), and each fetch would look like a revision of all history.

Products are taken from the newest bar back, so that a later start of the window changes no bit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from resources.market_data.bars import SCHEMA

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_PRICES = {"open": "Open", "high": "High", "low": "Low", "close": "Close"}


def build_bars(table: pd.DataFrame, meta: dict[str, Any]) -> pl.DataFrame:
    """Return bars, not validated yet, from a table of `yfinance`, oldest first.

    The session of a bar is its day in the time zone of the exchange. Rows without any price, which
    Yahoo has for days without trade, are left out; so is the bar of a session that is not over.
    """
    import polars as pl

    prices = {name: _to_floats(table, column) for name, column in _PRICES.items()}
    splits = _multiply_later(_read_splits(table))
    columns = {name: values * splits for name, values in prices.items()}
    columns["volume"] = _to_floats(table, "Volume") / splits
    columns["adjustment"] = (
        _multiply_later(_compute_dividend_factors(table, prices["close"])) / splits
    )
    days = np.array([moment.date() for moment in table.index], dtype="datetime64[D]")
    bars = pl.DataFrame({"date": days, **columns}, schema=dict(SCHEMA))
    traded = ~np.isnan(np.column_stack(list(prices.values()))).all(axis=1)
    return bars.filter(pl.Series(traded & (days != _find_unfinished_session(meta)))).sort("date")


def _to_floats(table: pd.DataFrame, column: str) -> Floats:
    return table[column].to_numpy(dtype=np.float64, na_value=np.nan)


def _read_splits(table: pd.DataFrame) -> Floats:
    """Return by what each day multiplied the shares, (n,); 1 where nothing happened."""
    ratio = _to_floats(table, "Stock Splits")
    return np.where(ratio == 0, 1.0, ratio)


def _compute_dividend_factors(table: pd.DataFrame, close: Floats) -> Floats:
    """Return by what each ex-date multiplies the prices before it, (n,); 1 where there is none."""
    paid = _to_floats(table, "Dividends")
    factor = np.ones(paid.size)
    last = None
    for row, (amount, price) in enumerate(zip(paid.tolist(), close.tolist(), strict=True)):
        if amount and last is not None:  # before the first bar there is nothing to adjust
            factor[row] = 1 - amount / last
        last = last if np.isnan(price) else price
    return factor


def _multiply_later(factors: Floats) -> Floats:
    """Return for each row the product of the factors of all later rows, (n,)."""
    behind = np.ones(factors.size)
    behind[:-1] = np.cumprod(factors[:0:-1])[::-1]
    return behind


def _find_unfinished_session(meta: dict[str, Any]) -> np.datetime64:
    """Return the day of the session that is going on by Yahoo's own clock; NaT if none is."""
    try:
        session = meta["currentTradingPeriod"]["regular"]
        if session["start"] <= meta["regularMarketTime"] < session["end"]:
            return np.datetime64(session["start"].date(), "D")
    except (KeyError, TypeError, AttributeError):
        pass  # not every instrument has sessions
    return np.datetime64("NaT")
