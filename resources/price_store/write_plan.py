"""What a write stores of fetched bars, given those that are stored already."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING

from resources.price_store.stored_file import StoredFile

if TYPE_CHECKING:
    import polars as pl

    from resources.price_store.errors import CorruptBarsError
    from resources.price_store.merge import Difference, Outcome
    from resources.price_store.revisions import Revision
    from resources.price_store.spans import Span
    from resources.price_store.stored_file import Label


@dataclass(frozen=True, slots=True)
class WritePlan:
    """The bars to store, and the days that they cover.

    `difference` says where they differ from the stored bars that they supersede; with a `label`,
    they are stored already, and nothing is to be written. `fetched_at` is when the newest of them
    were fetched, if not just now.
    """

    bars: pl.DataFrame
    covers: Span
    outcome: Outcome
    difference: Difference | None = None
    label: Label | None = None
    fetched_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class WriteResult:
    """What a symbol's file holds after a write, and what the write did to it.

    `revision` describes the superseded bars, if any; `quarantined` is where a file that could not
    be read was moved; `file` is the file where nothing was written.
    """

    path: str
    data_version: str
    rows: int
    first: date
    last: date
    outcome: Outcome
    fetched_at: datetime
    revision: Revision | None = None
    quarantined: str | None = None
    file: StoredFile | None = field(default=None, repr=False, compare=False)


def plan_write(
    stored: StoredFile | CorruptBarsError | None,
    fetched: pl.DataFrame,
    requested: Span,
    splits: str = "",
) -> WritePlan:
    """Return what to store of bars that were fetched for the `requested` days.

    Stored bars of other days are kept only if the same `splits` of the user's file are in them.
    """
    from resources.price_store.merge import merge, supersede

    if not isinstance(stored, StoredFile):
        return WritePlan(fetched, requested, "created" if stored is None else "recovered")
    same = stored.label.splits == splits
    join = merge if same else supersede
    bars, outcome, difference = join(stored.bars, fetched, requested)
    if difference is not None:
        return WritePlan(bars, requested, outcome, difference)
    known = stored.label.covers
    covers = min(known[0], requested[0]), max(known[1], requested[1])
    is_stored = same and (outcome, covers) == ("unchanged", known)
    fetched_at = stored.label.fetched_at if requested[1] < known[1] else None
    return WritePlan(bars, covers, outcome, None, stored.label if is_stored else None, fetched_at)
