"""What becomes of stored bars when bars are fetched again."""

from typing import Literal

import polars as pl

Outcome = Literal["created", "unchanged", "extended", "replaced"]


def merge(stored: pl.DataFrame, fetched: pl.DataFrame) -> tuple[pl.DataFrame, Outcome]:
    """Return the bars to keep, and what happened; both frames are valid bars of one symbol.

    Where the two overlap and agree exactly on every bar of the overlap, their union is kept, so
    a narrower window loses nothing. Where they disagree (history or adjustment was revised) or
    share no bar (nothing proves that no bar is missing between them), `fetched` replaces
    `stored`.
    """
    before = stored.filter(pl.col("date") < fetched["date"][0])
    after = stored.filter(pl.col("date") > fetched["date"][-1])
    shared = stored.slice(before.height, stored.height - before.height - after.height)
    rival = fetched.filter(pl.col("date").is_between(stored["date"][0], stored["date"][-1]))
    if shared.is_empty() or not shared.equals(rival):
        return fetched, "replaced"
    union = pl.concat([before, fetched, after])
    return union, "unchanged" if union.height == stored.height else "extended"
