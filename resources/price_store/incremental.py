"""Fetching only what is new of a symbol, where bars of it are stored already.

Of a source that is worth it (`incremental`), the days after the stored bars are fetched, and the
last stored ones again: in this overlap a revision shows. A new split or dividend changes the factor
of every earlier bar, and so of the overlap; then, or when a bar there differs, came or went, all of
the symbol is fetched anew. What was revised before the overlap, and nowhere in it, stays unseen.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from resources.market_data.source import NoBarsError, PriceSource

if TYPE_CHECKING:
    import polars as pl

    from resources.price_store.parquet import StoredFile
    from resources.price_store.spans import Span
    from resources.price_store.store import PriceStore

OVERLAP_BARS = 10
"""Two weeks: vendors mend a bar within days, and what they mend later comes with a new factor."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """Bars of a symbol, and the days that the source was asked about for them."""

    bars: pl.DataFrame
    asked: Span


class Fetcher:
    """Fetches symbols from one source into what is stored; counts what that costs and saves.

    Any number of threads may fetch.

    Attributes
    ----------
        bars_saved: stored bars inside the days that were wanted, which were not fetched again.
        refetched: symbols of which all was fetched, because the overlap was revised.
    """

    def __init__(self, source: PriceSource, store: PriceStore) -> None:
        self._source = source
        self._store = store
        self._lock = threading.Lock()
        self._calls = 0
        self.bars_saved = 0
        self.refetched = 0

    @property
    def requests(self) -> int:
        """Number of requests made: those that the source counts, or the times it was asked."""
        counted = getattr(self._source, "requests", None)
        return self._calls if counted is None else counted

    @property
    def threads(self) -> int:
        """How many symbols it pays to fetch at once."""
        return getattr(self._source, "threads", 1)

    def fetch(self, symbol: str, wanted: Span) -> Fetched:
        """Return the bars of the wanted days, or of their end where the rest is stored.

        Both are what `PriceStore.write` takes. Raises what `PriceSource.fetch` raises.
        """
        stored = self._stored(symbol)
        if stored is None:
            return self._ask(symbol, wanted)
        recent = _overlap(stored, wanted)
        if recent is None:
            return self._ask(symbol, wanted)
        news = self._news(symbol, recent, wanted)
        if news is None:
            with self._lock:
                self.refetched += 1
            return self._ask(symbol, _union(stored.label.covers, wanted))
        with self._lock:
            self.bars_saved += _between(stored.bars, wanted[0], recent["date"][0]).height - 1
        return news

    def _news(self, symbol: str, recent: pl.DataFrame, wanted: Span) -> Fetched | None:
        """Return the bars from the overlap on; None if it is not as it is stored."""
        first, last = recent["date"][0], recent["date"][-1]
        try:
            news = self._ask(symbol, (first, wanted[1]))
        except NoBarsError:  # where some are stored
            return None
        return news if _between(news.bars, first, last).equals(recent) else None

    def _ask(self, symbol: str, days: Span) -> Fetched:
        with self._lock:
            self._calls += 1
        return Fetched(self._source.fetch(symbol, *days), days)

    def _stored(self, symbol: str) -> StoredFile | None:
        """Return what is stored of a symbol, if that may be built upon."""
        if not getattr(self._source, "incremental", False):
            return None
        (found,) = self._store.read_many(self._source.name, [symbol])
        try:
            return None if isinstance(found, Exception) else found.verified()
        except Exception:  # noqa: BLE001 - a corrupt file: the write will say so, and heal it
            return None


def _overlap(stored: StoredFile, wanted: Span) -> pl.DataFrame | None:
    """Return the last stored bars up to the wanted end; None if stored bars don't reach back.

    Bars of a file that begins later than what is wanted say nothing of what lies before them.
    """
    if stored.label.covers[0] > wanted[0]:
        return None
    known = _between(stored.bars, wanted[0], wanted[1])
    return None if known.is_empty() else known.tail(OVERLAP_BARS)


def _between(bars: pl.DataFrame, first: object, last: object) -> pl.DataFrame:
    import polars as pl

    return bars.filter(pl.col("date").is_between(first, last))  # pyright: ignore[reportArgumentType]


def _union(one: Span, other: Span) -> Span:
    return min(one[0], other[0]), max(one[1], other[1])
