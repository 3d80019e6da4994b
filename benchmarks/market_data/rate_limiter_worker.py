"""What each process of the benchmark `rate_limiter` does: fetch symbols through a limiter."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from resources.market_data.provider.rate_limiter import RateLimiter
from resources.market_data.provider.rate_limiter_backends import DatabaseSlots, FileSlots
from resources.market_data.source import SourceUnavailableError
from resources.market_data.sources.yahoo import YahooSource
from resources.market_data.sources.yahoo_client import YahooClient

if TYPE_CHECKING:
    from threading import Barrier

WINDOW = (date(2021, 1, 1), date(2021, 12, 31))

FILE, DATABASE = "rate limiter, file", "rate limiter, PostgreSQL"
BUCKET, ALONE = "pyrate-limiter, shared bucket", "pyrate-limiter, one per process"
FREE = "no limiter"

_PATIENCE_SECONDS = 600


def work(way: str, url: str, place: str, rate: int, symbols: list[str], ready: Barrier) -> int:
    """Fetch symbols, each once; return how many were refused."""
    source = YahooSource(YahooClient(url, _limiter(way, place, rate), timeout_seconds=60))
    # Loaded at its first use otherwise: eight processes at once would delay what others send.
    import_module("yfinance.scrapers.history")
    refused = 0
    ready.wait()
    for symbol in symbols:
        try:
            source.fetch(symbol, *WINDOW)
        except SourceUnavailableError:
            refused += 1
    return refused


def _limiter(way: str, place: str, rate: int) -> Callable[[], object]:
    """Return the function that waits until a request may be sent."""
    from pyrate_limiter import Limiter, Rate, SQLiteBucket

    if way in (FILE, DATABASE):
        file = way == FILE
        slots = FileSlots(Path(place, "yahoo")) if file else DatabaseSlots(place, "yahoo")
        return RateLimiter("yahoo", slots, rate, _PATIENCE_SECONDS).acquire
    if way == FREE:
        return lambda: None
    burst = Rate(rate, 1000)
    if way == ALONE:
        return Limiter(burst).try_acquire
    path = str(Path(place) / "bucket.sqlite")
    return Limiter(
        SQLiteBucket.init_from_file([burst], db_path=path, use_file_lock=True)
    ).try_acquire
