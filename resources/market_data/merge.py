"""What becomes of stored bars when bars are fetched again."""

from datetime import date
from typing import Literal

import polars as pl

Outcome = Literal["created", "unchanged", "extended", "replaced"]
Span = tuple[date, date]
"""A first and a last day, both inclusive."""


def merge(
    stored: pl.DataFrame, fetched: pl.DataFrame, asked: Span | None = None
) -> tuple[pl.DataFrame, Outcome]:
    """Return the bars to keep, and what happened; both frames are valid bars of one symbol.

    `fetched` is the whole answer for the days `asked` (by default, those of its own bars), so a
    stored bar inside them that it lacks was withdrawn. Where the two overlap and agree exactly on
    every bar of the overlap, their union is kept, so a narrower window loses nothing. Where they
    disagree (history or adjustment was revised) or share no bar (nothing proves that no bar is
    missing between them), `fetched` replaces `stored`.
    """
    first, last = asked or span_of(fetched)
    before = stored.filter(pl.col("date") < first)
    after = stored.filter(pl.col("date") > last)
    shared = stored.slice(before.height, stored.height - before.height - after.height)
    rival = fetched.filter(pl.col("date").is_between(stored["date"][0], stored["date"][-1]))
    if shared.is_empty() or not shared.equals(rival):
        return fetched, "replaced"
    union = pl.concat([before, fetched, after])
    return union, "unchanged" if union.height == stored.height else "extended"


def span_of(bars: pl.DataFrame) -> Span:
    """Return the days of the first and the last bar."""
    return bars["date"][0], bars["date"][-1]
