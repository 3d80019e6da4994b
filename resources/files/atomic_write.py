"""Files that are there whole or not at all, on any fsspec file system."""

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from resources.files.file_systems import is_local
from resources.files.private import create_private

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

# Object stores show an object when all of it is there, and show the old one until then.
_PUT_IS_ATOMIC = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az"})


def write_whole(fs: "AbstractFileSystem", path: str, data: bytes) -> None:
    """Put `data` at `path` in one stroke; on an error nothing is left behind.

    The temporary name is hidden and its own, so readers pass over it and two writers of one
    path do not meet. What the file system raises passes. Where the store itself puts an object
    there whole or not at all, that is one request and no more.
    """
    if _PUT_IS_ATOMIC.intersection([fs.protocol] if isinstance(fs.protocol, str) else fs.protocol):
        fs.pipe_file(path, data)
        return
    folder, _, name = path.rpartition("/")
    temporary = f"{folder}/.{name}.{uuid4().hex}.tmp"
    if is_local(fs):
        create_private(Path(folder))
    else:
        fs.makedirs(folder, exist_ok=True)
    try:
        if is_local(fs):
            _write_synced(temporary, data)
            Path(temporary).replace(path)
        else:
            fs.pipe_file(temporary, data)
            _move(fs, temporary, path)
    except BaseException:
        # Where the write failed, the clean-up may fail too: the first error is the reason.
        with suppress(Exception):
            fs.rm_file(temporary)
        raise


def _move(fs: "AbstractFileSystem", source: str, target: str) -> None:
    """Move a file to exactly `target`.

    A file system with a rename of its own (SFTP, HDFS) is told to use it. The `mv` that all
    others inherit takes brackets in a path for a pattern, and moves into a folder that has the
    name of the target; copying and removing one file does neither.
    """
    from fsspec import AbstractFileSystem

    if type(fs).mv is not AbstractFileSystem.mv:
        fs.mv(source, target)
        return
    fs.cp_file(source, target)
    fs.rm_file(source)


def _write_synced(path: str, data: bytes) -> None:
    """Write a file that is on the disk, not only in its cache, when this returns."""
    with Path(path).open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
