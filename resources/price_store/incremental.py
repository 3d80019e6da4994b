"""Fetches only what is new of a symbol, if bars of it are stored already.

Of a source that is `incremental`, the days after the stored bars are fetched, and the last stored
ones again: this overlap shows revisions. A new split or dividend changes the factor of every
earlier bar, and so of the overlap; then, or when a bar there differs, was added or is gone, the
whole symbol is fetched again. A revision before the overlap that does not show in it stays unseen.

The splits of the user's file are put into the adjustment of what was fetched, before it is compared
or stored. When those of a symbol are not the ones in its stored bars, it is fetched whole.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from resources.market_data.source import NO_NOTES, NoBarsError, PriceSource, SourceNotes
from resources.price_store.padding import drop_padding
from resources.splits import Splits

if TYPE_CHECKING:
    import polars as pl

    from resources.price_store.spans import Span
    from resources.price_store.store import PriceStore
    from resources.price_store.stored_file import StoredFile

OVERLAP_BARS = 10
"""Two weeks: vendors correct a bar within days, and what they correct later has a new factor."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """Bars of a symbol, the days that the source was asked about for them, and its notes.

    `splits` are those of the user's file that are in the adjustment.
    """

    bars: pl.DataFrame
    requested: Span
    notes: SourceNotes = NO_NOTES
    splits: str = ""


class Fetcher:
    """Fetches symbols from one source, given what is stored; counts what that costs and saves.

    Any number of threads may fetch. `calendar_of` gives the name of a symbol's calendar, None where
    its bars have to show it.

    Attributes
    ----------
        bars_saved: stored bars of the wanted days, which were not fetched again.
        refetched: symbols that were fetched whole because the overlap or the splits were revised.
        splits: those of the user's file.
    """

    def __init__(
        self,
        source: PriceSource,
        store: PriceStore,
        splits: Splits | None = None,
        calendar_of: Callable[[str], str | None] = lambda _: None,
    ) -> None:
        self._calendar_of = calendar_of
        self._source = source
        self._store = store
        self.splits = splits or Splits()
        self._lock = threading.Lock()
        self._calls = 0
        self.bars_saved = 0
        self.refetched = 0

    @property
    def requests(self) -> int:
        """Number of requests that the source counts, or of calls if it counts none."""
        counted = getattr(self._source, "requests", None)
        return self._calls if counted is None else counted

    @property
    def threads(self) -> int:
        """How many symbols may be fetched at once."""
        return getattr(self._source, "threads", 1)

    def fetch(self, symbol: str, wanted: Span) -> Fetched:
        """Return the bars of the wanted days, or of their end if the rest is stored.

        Bars and days are what `PriceStore.write` takes. Raises what `PriceSource.fetch` raises.
        """
        stored = self._read_stored(symbol)
        overlap = stored and _select_overlap(stored, wanted)
        if stored is None or overlap is None:
            return self._fetch(symbol, wanted)
        is_current = stored.label.splits == self.splits.describe(symbol)
        news = self._fetch_news(symbol, overlap, wanted) if is_current else None
        if news is None:
            with self._lock:
                self.refetched += 1
            known = stored.label.covers
            return self._fetch(symbol, (min(known[0], wanted[0]), max(known[1], wanted[1])))
        with self._lock:
            self.bars_saved += _between(stored.bars, wanted[0], overlap["date"][0]).height - 1
        return news

    def _fetch_news(self, symbol: str, overlap: pl.DataFrame, wanted: Span) -> Fetched | None:
        """Return the bars from the overlap on; None if it is not as it is stored."""
        first, last = overlap["date"][0], overlap["date"][-1]
        try:
            news = self._fetch(symbol, (first, wanted[1]))
        except NoBarsError:  # where some are stored
            return None
        return news if _between(news.bars, first, last).equals(overlap) else None

    def _fetch(self, symbol: str, days: Span) -> Fetched:
        with self._lock:
            self._calls += 1
        bars, padding = drop_padding(self._source.fetch(symbol, *days), self._calendar_of(symbol))
        notes = getattr(self._source, "notes", {}).get(symbol) or NO_NOTES
        if padding:
            notes = replace(notes, padding=padding)
        splits = self.splits.describe(symbol)
        return Fetched(self._adjust(symbol, bars) if splits else bars, days, notes, splits)

    def _adjust(self, symbol: str, bars: pl.DataFrame) -> pl.DataFrame:
        import polars as pl

        factors = pl.Series(self.splits.factors(symbol, bars["date"]))
        return bars.with_columns(adjustment=pl.col("adjustment") * factors)

    def _read_stored(self, symbol: str) -> StoredFile | None:
        """Return the stored file of a symbol, if the fetch may build upon it."""
        if not getattr(self._source, "incremental", False):
            return None
        try:
            return self._store.read_file(self._source.name, symbol)
        except Exception:  # noqa: BLE001 - a corrupt file: the write reports and replaces it
            return None


def _select_overlap(stored: StoredFile, wanted: Span) -> pl.DataFrame | None:
    """Return the last stored bars up to the wanted end; None if stored bars don't reach back.

    A file that begins later than what is wanted says nothing of the days before it.
    """
    if stored.label.covers[0] > wanted[0]:
        return None
    known = _between(stored.bars, wanted[0], wanted[1])
    return None if known.is_empty() else known.tail(OVERLAP_BARS)


def _between(bars: pl.DataFrame, first: object, last: object) -> pl.DataFrame:
    import polars as pl

    return bars.filter(pl.col("date").is_between(first, last))  # pyright: ignore[reportArgumentType]
