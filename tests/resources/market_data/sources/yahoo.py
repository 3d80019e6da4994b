"""Yahoo's source for tests: on a local server, with a rate limit that is never reached."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

from resources.market_data.provider.circuit_breaker import CircuitBreaker
from resources.market_data.provider.rate_limiter import RateLimiter
from resources.market_data.provider.rate_limiter_backends import FileSlots
from resources.market_data.provider.throttled_source import ThrottledSource
from resources.market_data.sources.synthetic import SyntheticSource
from resources.market_data.sources.yahoo import YahooSource
from resources.market_data.sources.yahoo_client import YahooClient
from tests.yahoo_server import YahooServer

START, END = date(2021, 1, 1), date(2021, 12, 31)
BARS = SyntheticSource().fetch("AAPL", START, END)

TIMEOUT_SECONDS = 20.0
"""Longer than any response takes on a busy machine; the test of timeouts sets its own."""


def yahoo_on(
    server: YahooServer | str,
    timeout_seconds: float = TIMEOUT_SECONDS,
    acquire_slot: Callable[[], None] = lambda: None,
) -> YahooSource:
    """Return the source on a server or its URL, without rate limit and without a second attempt."""
    url = server if isinstance(server, str) else server.url
    return YahooSource(YahooClient(url, acquire_slot, timeout_seconds))


def throttled_on(
    server: YahooServer,
    folder: Path,
    *,
    attempts: int = 3,
    failures: int = 100,
    timeout_seconds: float = TIMEOUT_SECONDS,
    patience_seconds: float = 60,
    rest_seconds: float = 3600,
) -> ThrottledSource:
    """Return the source as it is configured, at 1,000 requests per second, counted in `folder`."""
    rate_limiter = RateLimiter("yahoo", FileSlots(folder / "yahoo"), 1000, patience_seconds)
    return ThrottledSource(
        yahoo_on(server, timeout_seconds, rate_limiter.acquire),
        rate_limiter,
        CircuitBreaker("yahoo", failures, rest_seconds),
        attempts,
        backoff_seconds=0,
    )
