"""Daily bars of Yahoo Finance, by yfinance: one request per symbol.

`PriceHistory` is the class behind `yfinance.Ticker.history`. `Ticker` itself asks for the time zone
of each symbol first, a second request that the answer makes needless, and takes twelve letters and
digits for an ISIN. What it sends goes through `YahooClient`, see there.

Yahoo's prices are adjusted for every split until today, so the answer must reach from the first day
of the window until today for the splits to be in it, whatever the window's end: see
`resources.market_data.sources.yahoo_bars` for how they become raw bars and a factor. Symbols are
spelled as Yahoo does: BRK-B, ^GSPC, VOD.L.
"""

from __future__ import annotations

import re
import warnings
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from resources.market_data.bars import BadBarsError, validate_bars
from resources.market_data.source import (
    MarketDataError,
    NoBarsError,
    UnknownSymbolError,
    select_window,
)
from resources.market_data.sources.yahoo_bars import build_bars
from resources.market_data.sources.yahoo_client import YahooClient
from resources.universe import SYMBOL_RULE, is_symbol

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    from curl_cffi.requests import Response
    from yfinance.scrapers.history import PriceHistory

BASE_URL = "https://query2.finance.yahoo.com"

_NOT_FOUND = 404
_META = ("symbol", "dataGranularity", "currentTradingPeriod", "regularMarketTime")
# Days are asked for in UTC; a session in Sydney begins on the evening before.
_MARGIN = timedelta(days=1)


class YahooSource:
    """One attempt to fetch bars from Yahoo; `provider.throttled_source` makes it several."""

    name = "yahoo"
    incremental = True

    def __init__(self, client: YahooClient) -> None:
        import yfinance

        # Of the whole process: yfinance's other way is to log what is wrong and return no rows.
        yfinance.config.debug.hide_exceptions = False  # pyright: ignore[reportAttributeAccessIssue]
        # Of each frame that yfinance 1.7 sorts in place, with pandas 3.1; users can't act on it.
        warnings.filterwarnings("ignore", message="The inplace keyword", module=r"yfinance\.")
        self._client = client

    @property
    def requests(self) -> int:
        """Number of requests that were sent."""
        return self._client.requests

    def fetch(self, symbol: str, start: date, end: date) -> pl.DataFrame:
        """See `PriceSource.fetch`; no answer raises SourceUnavailableError."""
        if not is_symbol(symbol):
            raise UnknownSymbolError(f"{symbol[:40]!r} is not a symbol ({SYMBOL_RULE}).")
        if re.search("[/ ]", symbol):  # it would be another path at Yahoo
            raise UnknownSymbolError(
                f"{symbol}: Yahoo's symbols have no slash and no space, as in BTC-USD."
            )
        if start > end:
            raise NoBarsError(f"{symbol}: source '{self.name}' has no bars from {start} to {end}.")
        table, meta = self._ask(symbol, start)
        _check_whose(symbol, start, table, meta)
        bars = build_bars(table, meta)
        return validate_bars(symbol, select_window(self.name, symbol, bars, start, end))

    def _ask(self, symbol: str, start: date) -> tuple[pd.DataFrame, dict[str, Any]]:
        """Return yfinance's table from `start` until today, and what Yahoo says about it."""
        from yfinance.exceptions import YFException
        from yfinance.scrapers.history import PriceHistory

        call = _Call(self._client, symbol)
        # The session is not used: without one it would make one of its own.
        history = PriceHistory(call, symbol, "UTC", session=call)
        begin = (start - _MARGIN).isoformat()
        try:
            table = history.history(start=begin, auto_adjust=False, actions=True)
        except YFException as error:
            raise _build_no_bars_error(
                symbol, start, call.status, error, _read_metadata(history)
            ) from error
        except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
            raise _build_broken_error(symbol, error) from error
        return table, _read_metadata(history)


class _Call:
    """One symbol's request, in the shape in which yfinance asks for it."""

    def __init__(self, client: YahooClient, symbol: str) -> None:
        self._client = client
        self._symbol = symbol
        self.status = 0

    def get(self, url: str, params: dict[str, Any], timeout: float) -> Response:  # noqa: ARG002
        response = self._client.get(self._symbol, url, params)
        self.status = response.status_code
        return response

    # yfinance would remember answers about the past here, and history is revised.
    cache_get = get


def _read_metadata(history: PriceHistory) -> dict[str, Any]:
    """Return what Yahoo said about the symbol; not all of it: reading some sends a request."""
    known = history.get_history_metadata()
    return {name: known[name] for name in _META if name in known}


def _build_no_bars_error(
    symbol: str, start: date, status: int, error: Exception, meta: dict[str, Any]
) -> MarketDataError:
    """Return the error for what Yahoo says in words, or does not say."""
    reason = getattr(error, "yahoo_reason", None)
    said = f", which says: {str(reason).rstrip('.')}" if reason else ""
    if status == _NOT_FOUND:
        return UnknownSymbolError(f"{symbol}: not in source 'yahoo'{said}.")
    if reason is None and "symbol" not in meta:
        return _build_broken_error(symbol, error)
    if reason is None or "data doesn't exist" in str(reason).lower():
        return NoBarsError(f"{symbol}: source 'yahoo' has no bars from {start} on{said}.")
    return MarketDataError(f"{symbol}: source 'yahoo' refused (HTTP {status}){said}.")


def _build_broken_error(symbol: str, error: Exception) -> MarketDataError:
    reason = str(error).partition("\n")[0] or type(error).__name__
    return MarketDataError(
        f"{symbol}: Yahoo's answer is broken or cut short, and nothing of it was used "
        f"({type(error).__name__}: {reason})."
    )


def _check_whose(symbol: str, start: date, table: pd.DataFrame, meta: dict[str, Any]) -> None:
    """Raise unless the answer is of this symbol, of days, and of those that were asked for."""
    whose, step = str(meta.get("symbol")), str(meta.get("dataGranularity"))
    if whose.upper() != symbol.upper():
        raise MarketDataError(
            f"{symbol}: Yahoo answered for another symbol, {whose[:40]!r}; nothing of it was used."
        )
    if step != "1d":
        raise BadBarsError(f"{symbol}: Yahoo answered with bars of {step[:40]!r}, not of days.")
    if len(table) and table.index[0].date() < start - 2 * _MARGIN:
        first = table.index[0].date()
        raise BadBarsError(f"{symbol}: Yahoo answered from {first} on, and was asked from {start}.")
