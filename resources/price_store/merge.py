"""Merges fetched bars with those that are stored."""

from dataclasses import dataclass
from datetime import date
from typing import Literal

import polars as pl

from resources.price_store.spans import Span

Outcome = Literal["created", "unchanged", "extended", "revised", "replaced", "recovered"]
"""What a write did: there were no bars; none is new; some are new; some differ from those stored;
no day is shared, so that all were replaced; the stored file could not be read."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Where fetched bars differ from those stored: the first day, and how many days."""

    first: date
    bars: int


def merge(
    stored: pl.DataFrame, fetched: pl.DataFrame, requested: Span | None = None
) -> tuple[pl.DataFrame, Outcome, Difference | None]:
    """Return the bars to store, what happened, and what differed; all are valid bars of a symbol.

    `fetched` is the whole answer for the `requested` days (by default, those of its own bars), so a
    stored bar inside them that it lacks was withdrawn. If the two agree exactly on every bar of
    their overlap, the union is stored, so a narrower window loses nothing. If they disagree
    (history or adjustment was revised) or share no bar (nothing proves that no bar is missing
    between them), `fetched` supersedes `stored`.
    """
    first, last = requested or get_span(fetched)
    if first <= stored["date"][0] and stored["date"][-1] <= last and stored.equals(fetched):
        return stored, "unchanged", None  # without a copy
    before = stored.filter(pl.col("date") < first)
    after = stored.filter(pl.col("date") > last)
    shared = stored.slice(before.height, stored.height - before.height - after.height)
    news = fetched.filter(pl.col("date").is_between(stored["date"][0], stored["date"][-1]))
    if shared.is_empty() or news.is_empty():
        lost = stored if shared.is_empty() else shared
        return fetched, "replaced", Difference(lost["date"][0], lost.height)
    if not shared.equals(news):
        return fetched, "revised", _find_difference(shared, news)
    union = pl.concat([before, fetched, after])
    return union, "unchanged" if union.height == stored.height else "extended", None


def supersede(
    stored: pl.DataFrame, fetched: pl.DataFrame, requested: Span
) -> tuple[pl.DataFrame, Outcome, Difference | None]:
    """Return what `merge` does, but never with a stored bar that was not fetched again."""
    bars, outcome, difference = merge(stored, fetched, requested)
    if difference is not None or bars.height == fetched.height:
        return bars, outcome, difference
    return fetched, "revised", _find_difference(stored, fetched)


def _find_difference(stored: pl.DataFrame, fetched: pl.DataFrame) -> Difference:
    every = list(stored.columns)
    if every != fetched.columns:  # half-spreads came or went: no bar is as it was
        days = pl.concat([stored["date"], fetched["date"]]).unique().sort()
        return Difference(days[0], len(days))
    gone = stored.join(fetched, on=every, how="anti")["date"]
    new = fetched.join(stored, on=every, how="anti")["date"]
    days = pl.concat([gone, new]).unique().sort()
    return Difference(days[0], len(days))


def get_span(bars: pl.DataFrame) -> Span:
    """Return the days of the first and the last bar."""
    return bars["date"][0], bars["date"][-1]
