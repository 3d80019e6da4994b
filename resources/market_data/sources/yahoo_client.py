"""The requests to Yahoo: each in its slot, counted, and refused answers told apart.

yfinance's own way to ask, `YfData`, is left out, and `PriceHistory` is given this instead. `YfData`
fetches a cookie and a crumb first, two requests that the chart endpoint does not need (it goes on
without them itself); it repeats whatever is refused at once, and so a 429 whatever its Retry-After
says; and its hosts are fixed. The session is of the kind that yfinance makes: curl_cffi, which
looks like a browser to Yahoo, and has a handle per thread.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from resources.market_data.source import MarketDataError, SourceUnavailableError
from resources.redaction import redact_text

if TYPE_CHECKING:
    from curl_cffi.requests import Response

_TOO_MANY_REQUESTS, _SERVER_ERROR = 429, 500
_LONGEST_PAUSE = 86_400.0

MOST_BYTES = 32 * 2**20
"""Of an answer, unpacked. A hundred years of daily bars with their events are 4 MB of JSON."""
_REFUSED = {401: "it wants a login", 403: "it forbids it"}


class YahooClient:
    """Sends requests to Yahoo, or to a server in its place.

    Parameters
    ----------
    base_url
        Such as ``https://query2.finance.yahoo.com``; its path is put before Yahoo's.
    acquire_slot
        Called before each request; its errors are not caught.
    timeout_seconds
        How long to wait for an answer.
    """

    def __init__(
        self, base_url: str, acquire_slot: Callable[[], object], timeout_seconds: float
    ) -> None:
        from curl_cffi.requests import Session

        self._base = base_url.rstrip("/")
        self._acquire_slot = acquire_slot
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
            When it refuses to answer at all, or its answer is larger than `MOST_BYTES`.
        """
        from curl_cffi.requests.exceptions import RequestException

        self._acquire_slot()
        with self._counting:
            self.requests += 1
        body = _Body()
        try:
            response = self._session.get(
                self._base + urlsplit(url).path,
                params=dict(params or {}),
                timeout=self._timeout,
                content_callback=body.take,
            )
        except RequestException as error:
            if body.refused:
                raise MarketDataError(
                    f"{symbol}: Yahoo's answer has more than {MOST_BYTES // 2**20} MiB unpacked, "
                    "which is what is allowed: it is no chart of daily bars."
                ) from error
            raise SourceUnavailableError(
                f"{symbol}: Yahoo gave no complete answer within {self._timeout:g} s "
                f"({_shorten(error)})."
            ) from None  # the cause has the address
        response.content = bytes(body.content)
        _raise_for_status(symbol, response)
        return response


class _Body:
    """The body of an answer as it arrives, unpacked by curl; no more of it than is allowed."""

    def __init__(self) -> None:
        self.content = bytearray()
        self.refused = False

    def take(self, block: bytes) -> int:
        """Keep a block, and return how much of it was taken; curl ends the request at an error."""
        from curl_cffi.curl import CURL_WRITEFUNC_ERROR

        self.refused = len(self.content) + len(block) > MOST_BYTES
        if self.refused:
            return CURL_WRITEFUNC_ERROR
        self.content += block
        return len(block)


def _raise_for_status(symbol: str, response: Response) -> None:
    status = response.status_code
    if status == _TOO_MANY_REQUESTS or status >= _SERVER_ERROR:
        seconds = parse_retry_after(response.headers.get("Retry-After"))
        later = "" if seconds is None else f", retry after {seconds:.0f} s"
        what = "was asked too often" if status == _TOO_MANY_REQUESTS else "failed"
        raise SourceUnavailableError(f"{symbol}: Yahoo {what} (HTTP {status}{later}).", seconds)
    if status in _REFUSED:
        raise MarketDataError(f"{symbol}: Yahoo gives no bars (HTTP {status}: {_REFUSED[status]}).")


def parse_retry_after(header: str | None) -> float | None:
    """Return the seconds of a Retry-After header, a number or a date; None without one.

    A date is compared with this machine's clock; one in the past is 0 s. A day at most: everybody
    who shares the rate limiter keeps to it, and a wrong clock must not end that for years.
    """
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text), _LONGEST_PAUSE)
    try:
        seconds = parsedate_to_datetime(text).timestamp() - time.time()
    except (ValueError, TypeError):
        return None
    return min(max(0.0, seconds), _LONGEST_PAUSE)


def _shorten(error: Exception) -> str:
    """Return curl's own words, without its advice and the address, which may hold a password."""
    words = str(error).partition("See https://")[0].partition(" for ")[0]
    return (
        redact_text(words).removeprefix("Failed to perform, ").strip(" .") or type(error).__name__
    )
