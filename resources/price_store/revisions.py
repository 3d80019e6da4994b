"""Superseded bars, and files that could not be read: the price store keeps both.

They are written before the symbol's file is: a process that is killed in between leaves a copy too
many, and never loses anything. Where they are, `resources.price_store.layout` says.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from resources.files.atomic_write import write_whole
from resources.files.file_systems import read_file, to_url
from resources.price_store.errors import CorruptBarsError
from resources.price_store.layout import list_revision_files, quarantine_path, revision_path

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

    from resources.price_store.merge import Difference
    from resources.price_store.stored_file import StoredFile


@dataclass(frozen=True, slots=True)
class Revision:
    """Superseded bars.

    Parameters
    ----------
    data_version, path
        Of the bars that were stored, and where they are kept.
    replaced_by, replaced_at
        The version that superseded them, and when, in UTC.
    first_changed, changed_bars
        The first day on which the two differ, and on how many days they do.
    """

    data_version: str
    path: str
    replaced_by: str
    replaced_at: datetime
    first_changed: date
    changed_bars: int


def keep_revision(
    fs: AbstractFileSystem, path: str, stored: StoredFile, replaced_by: str, difference: Difference
) -> Revision:
    """Keep the bars of the file at `path`, with the record of what supersedes them."""
    from resources.price_store.parquet import encode

    version = stored.label.data_version
    target = revision_path(path, version)
    revision = Revision(
        data_version=version,
        path=to_url(fs, target),
        replaced_by=replaced_by,
        replaced_at=datetime.now(UTC),
        first_changed=difference.first,
        changed_bars=difference.bars,
    )
    record = {
        "replaced_by": revision.replaced_by,
        "replaced_at": revision.replaced_at.isoformat(),
        "first_changed": revision.first_changed.isoformat(),
        "changed_bars": str(revision.changed_bars),
    }
    write_whole(fs, target, encode(stored.bars, stored.label, **record))
    return revision


def quarantine(fs: AbstractFileSystem, path: str, content: bytes) -> str:
    """Keep what could not be read from the file at `path`; return where."""
    target = quarantine_path(path, content)
    write_whole(fs, target, content)
    return to_url(fs, target)


def read_revisions(fs: AbstractFileSystem, path: str, current: str | None) -> list[Revision]:
    """Return the revisions of the file at `path`, oldest first.

    The version that is `current` is left out: its replacement was never written. A file that can't
    be read raises CorruptBarsError.
    """
    every = [_read(fs, file) for file in list_revision_files(fs, path)]
    return sorted(
        (revision for revision in every if revision.data_version != current),
        key=lambda revision: (revision.replaced_at, revision.data_version),
    )


def _read(fs: AbstractFileSystem, path: str) -> Revision:
    """Return the record that `keep_revision` has written into the file at `path`."""
    from resources.files.unreadable import UNREADABLE
    from resources.price_store.parquet import read_metadata

    try:
        fields = read_metadata(read_file(fs, path) or b"")
        return Revision(
            data_version=fields["data_version"],
            path=to_url(fs, path),
            replaced_by=fields["replaced_by"],
            replaced_at=datetime.fromisoformat(fields["replaced_at"]),
            first_changed=date.fromisoformat(fields["first_changed"]),
            changed_bars=int(fields["changed_bars"]),
        )
    except (*UNREADABLE, KeyError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise CorruptBarsError(
            f"{to_url(fs, path)} is corrupt ({reason}): it was kept for old backtests, and nothing "
            "else needs it; move it away to go on."
        ) from error
