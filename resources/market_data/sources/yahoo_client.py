"""The requests to Yahoo: each in its turn, counted, and refused answers told apart.

yfinance's own way to ask, `YfData`, is left out, and `PriceHistory` is given this instead. `YfData`
fetches a cookie and a crumb first, two requests that the chart endpoint does not need (it goes on
without them itself); it repeats whatever is refused at once, and so a 429 whatever its Retry-After
says; and its hosts are fixed. The session is of the kind that yfinance makes: curl_cffi, which
looks like a browser to Yahoo, and has a handle for each thread.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from resources.market_data.source import MarketDataError, SourceUnavailableError

if TYPE_CHECKING:
    from curl_cffi.requests import Response

_TOO_MANY, _SERVER_FAILS = 429, 500
_REFUSED = {401: "it wants a login", 403: "it forbids it"}


class YahooClient:
    """Sends requests to Yahoo, or to what stands at `base_url` in its place.

    Parameters
    ----------
    base_url
        Such as ``https://query2.finance.yahoo.com``; a path in it goes before that of Yahoo.
    wait_for_turn
        Called before each request; what it raises passes.
    timeout_seconds
        An answer that takes longer is none.
    """

    def __init__(
        self, base_url: str, wait_for_turn: Callable[[], object], timeout_seconds: float
    ) -> None:
        from curl_cffi.requests import Session

        self._base = base_url.rstrip("/")
        self._wait_for_turn = wait_for_turn
        self._timeout = timeout_seconds
        self._session = Session(impersonate="chrome")
        self._counting = threading.Lock()
        self.requests = 0

    def get(self, symbol: str, url: str, params: Mapping[str, Any] | None) -> Response:
        """Return the answer to one request.

        Raises
        ------
        SourceUnavailableError
            When there is none in time, the server fails, or it wants to be asked later.
        MarketDataError
            When it refuses to be asked at all.
        """
        from curl_cffi.requests.exceptions import RequestException

        self._wait_for_turn()
        with self._counting:
            self.requests += 1
        try:
            there = self._base + urlsplit(url).path
            response = self._session.get(there, params=dict(params or {}), timeout=self._timeout)
        except RequestException as error:
            raise SourceUnavailableError(
                f"{symbol}: Yahoo gave no whole answer within {self._timeout:g} s "
                f"({_reason(error)})."
            ) from error
        _refuse(symbol, response)
        return response


def _refuse(symbol: str, response: Response) -> None:
    status = response.status_code
    if status == _TOO_MANY or status >= _SERVER_FAILS:
        seconds = seconds_of(response.headers.get("Retry-After"))
        said = "" if seconds is None else f" and wants to be asked again in {seconds:.0f} s"
        what = "was asked too often" if status == _TOO_MANY else "failed"
        raise SourceUnavailableError(f"{symbol}: Yahoo {what} (HTTP {status}){said}.", seconds)
    if status in _REFUSED:
        raise MarketDataError(f"{symbol}: Yahoo gives no bars (HTTP {status}: {_REFUSED[status]}).")


def seconds_of(retry_after: str | None) -> float | None:
    """Return the seconds that a Retry-After header asks for, as a number or a date; None if none.

    A date is told by this machine's clock, and one that has passed asks for nothing.
    """
    text = (retry_after or "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, TypeError):
        return None


def _reason(error: Exception) -> str:
    """Return curl's own words, without its advice and the address, which may hold a password."""
    words = str(error).partition("See https://")[0].partition(" for ")[0]
    return words.removeprefix("Failed to perform, ").strip(" .") or type(error).__name__
