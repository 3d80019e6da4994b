"""Yahoo's source as tests use it: on a server of this machine, its budget too large to matter."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

from resources.market_data.provider.circuit_breaker import CircuitBreaker
from resources.market_data.provider.rate_limiter_backends import open_file_budget
from resources.market_data.provider.throttled_source import ThrottledSource
from resources.market_data.sources.synthetic import SyntheticSource
from resources.market_data.sources.yahoo import YahooSource
from resources.market_data.sources.yahoo_client import YahooClient
from tests.yahoo_server import YahooServer

START, END = date(2021, 1, 1), date(2021, 12, 31)
BARS = SyntheticSource().fetch("AAPL", START, END)

TIMEOUT_SECONDS = 20.0
"""Longer than a busy machine takes for any answer; a test of slow ones has its own."""


def yahoo_on(
    server: YahooServer | str,
    timeout_seconds: float = TIMEOUT_SECONDS,
    wait_for_turn: Callable[[], None] = lambda: None,
) -> YahooSource:
    """Return the source on a server or its URL, without budget and without a second attempt."""
    url = server if isinstance(server, str) else server.url
    return YahooSource(YahooClient(url, wait_for_turn, timeout_seconds))


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
    """Return the source as it is configured, with a budget of 1,000 a second in `folder`."""
    budget = open_file_budget(folder, "yahoo", 1000, patience_seconds)
    return ThrottledSource(
        yahoo_on(server, timeout_seconds, budget.wait_for_turn),
        budget,
        CircuitBreaker("yahoo", failures, rest_seconds),
        attempts,
        backoff_seconds=0,
    )
