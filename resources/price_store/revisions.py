"""What the price store keeps of bars that others took the place of, and of files beyond reading.

`.versions/<symbol>/<data version>.parquet` and `.quarantine/<symbol>.<hash>.parquet`, beside the
symbol's own file. Both are written before the symbol's file is: a process that is killed in
between leaves a copy too many, and never loses anything.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, cast

from resources.files.atomic_write import write_whole
from resources.files.file_systems import is_local

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

    from resources.price_store.merge import Difference
    from resources.price_store.parquet import StoredFile


@dataclass(frozen=True, slots=True)
class Revision:
    """Bars that others have taken the place of; they are kept.

    Parameters
    ----------
    data_version, path
        Of the bars that were stored, and where they are kept.
    replaced_by, replaced_at
        The version that took their place, and when, in UTC.
    first_changed, changed_bars
        The first day on which the two differ, and on how many days they do.
    """

    data_version: str
    path: str
    replaced_by: str
    replaced_at: datetime
    first_changed: date
    changed_bars: int


def keep(
    fs: AbstractFileSystem, path: str, stored: StoredFile, replaced_by: str, difference: Difference
) -> Revision:
    """Keep what the file at `path` holds, with the record of what takes its place."""
    from resources.price_store.parquet import encode

    version = stored.label.data_version
    kept = f"{_versions(path)}/{version}.parquet"
    revision = Revision(
        data_version=version,
        path=url_of(fs, kept),
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
    write_whole(fs, kept, encode(stored.bars, stored.label, **record))
    return revision


def quarantine(fs: AbstractFileSystem, path: str, data: bytes) -> str:
    """Keep what could not be read from the file at `path`; return where."""
    folder, _, name = path.rpartition("/")
    digest = hashlib.sha256(data).hexdigest()[:16]
    kept = f"{folder}/.quarantine/{name.removesuffix('.parquet')}.{digest}.parquet"
    write_whole(fs, kept, data)
    return url_of(fs, kept)


def kept_files(fs: AbstractFileSystem, path: str) -> list[str]:
    """Return the paths of the kept versions of the file at `path`, in no order."""
    folder = _versions(path)
    # Some buckets remember their listings, and another process may have written since.
    fs.invalidate_cache(folder)
    try:
        entries = [str(entry) for entry in fs.ls(folder, detail=False)]
    except FileNotFoundError:
        return []
    names = [PurePosixPath(entry).name for entry in entries]
    return [
        f"{folder}/{name}"
        for name in names
        if name.endswith(".parquet") and not name.startswith(".")
    ]


def revisions(fs: AbstractFileSystem, path: str, current: str | None) -> list[Revision]:
    """Return the revisions of the file at `path`, oldest first.

    A version that is `current`, for its replacement never came, is none. A file that can't be read
    raises CorruptBarsError.
    """
    kept = [_recorded(url_of(fs, file), _content(fs, file)) for file in kept_files(fs, path)]
    return sorted(
        (revision for revision in kept if revision.data_version != current),
        key=lambda revision: (revision.replaced_at, revision.data_version),
    )


def url_of(fs: AbstractFileSystem, path: str) -> str:
    """Return a path as people write it: as it is if local, and otherwise as a URL."""
    return path if is_local(fs) else fs.unstrip_protocol(path)


def _recorded(path: str, data: bytes) -> Revision:
    """Return the record that `keep` has written into the file at `path`."""
    from resources.files.unreadable import UNREADABLE
    from resources.price_store.parquet import CorruptBarsError, told

    try:
        said = told(data)
        return Revision(
            data_version=said["data_version"],
            path=path,
            replaced_by=said["replaced_by"],
            replaced_at=datetime.fromisoformat(said["replaced_at"]),
            first_changed=date.fromisoformat(said["first_changed"]),
            changed_bars=int(said["changed_bars"]),
        )
    except (*UNREADABLE, KeyError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise CorruptBarsError(
            f"{path} is corrupt ({reason}): it was kept for old backtests, and nothing else needs "
            "it; move it away to go on."
        ) from error


def _content(fs: AbstractFileSystem, path: str) -> bytes:
    return cast("bytes", fs.cat_file(path))  # str only for file systems that decode text


def _versions(path: str) -> str:
    folder, _, name = path.rpartition("/")
    return f"{folder}/.versions/{name.removesuffix('.parquet')}"
