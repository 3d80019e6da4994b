"""What each process of the benchmark `budget` does: fetch symbols, kept back by some limiter."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from resources.market_data.provider.rate_limiter_backends import (
    open_database_budget,
    open_file_budget,
)
from resources.market_data.source import SourceUnavailableError
from resources.market_data.sources.yahoo import YahooSource
from resources.market_data.sources.yahoo_client import YahooClient

if TYPE_CHECKING:
    from threading import Barrier

WINDOW = (date(2021, 1, 1), date(2021, 12, 31))

FILE, DATABASE = "shared budget, file", "shared budget, PostgreSQL"
BUCKET, ALONE, FREE = "pyrate-limiter, shared bucket", "pyrate-limiter, one a process", "no limiter"

_PATIENCE_SECONDS = 600


def work(way: str, url: str, place: str, a_second: int, symbols: list[str], ready: Barrier) -> int:
    """Fetch symbols, each once; return how many were refused."""
    source = YahooSource(YahooClient(url, _limiter(way, place, a_second), timeout_seconds=60))
    refused = 0
    ready.wait()
    for symbol in symbols:
        try:
            source.fetch(symbol, *WINDOW)
        except SourceUnavailableError:
            refused += 1
    return refused


def _limiter(way: str, place: str, a_second: int) -> Callable[[], object]:
    """Return what waits until a request may be sent."""
    from pyrate_limiter import Limiter, Rate, SQLiteBucket

    if way == FILE:
        return open_file_budget(Path(place), "yahoo", a_second, _PATIENCE_SECONDS).wait_for_turn
    if way == DATABASE:
        return open_database_budget(place, "yahoo", a_second, _PATIENCE_SECONDS).wait_for_turn
    if way == FREE:
        return lambda: None
    rate = Rate(a_second, 1000)
    if way == ALONE:
        return Limiter(rate).try_acquire
    path = str(Path(place) / "bucket.sqlite")
    return Limiter(
        SQLiteBucket.init_from_file([rate], db_path=path, use_file_lock=True)
    ).try_acquire
