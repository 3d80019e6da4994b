"""Files that are there whole or not at all, on any fsspec file system."""

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from fsspec.implementations.local import LocalFileSystem

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem


def write_whole(fs: "AbstractFileSystem", path: str, data: bytes) -> None:
    """Put `data` at `path` in one stroke; on an error nothing is left behind.

    The temporary name is hidden and its own, so readers pass over it and two writers of one
    path do not meet. What the file system raises passes.
    """
    folder, _, name = path.rpartition("/")
    temporary = f"{folder}/.{name}.{uuid4().hex}.tmp"
    fs.makedirs(folder, exist_ok=True)
    try:
        if isinstance(fs, LocalFileSystem):
            _write_synced(temporary, data)
            Path(temporary).replace(path)
        else:
            fs.pipe_file(temporary, data)
            fs.mv(temporary, path)
    except BaseException:
        with suppress(FileNotFoundError):
            fs.rm_file(temporary)
        raise


def _write_synced(path: str, data: bytes) -> None:
    """Write a file that is on the disk, not only in its cache, when this returns."""
    with Path(path).open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
