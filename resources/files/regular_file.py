"""Reads files whose origin is unknown, or remote: regular ones only, and so many bytes at most.

Imported when definitions load: standard library only.
"""

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from strategies.errors import GauntletError

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_BLOCK = 2**20

# Not to wait for the other end of a pipe, and not to make a terminal one's own.
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY

_KINDS: dict[str, Callable[[int], bool]] = {
    "a folder": stat.S_ISDIR,
    "a pipe (FIFO)": stat.S_ISFIFO,
    "a socket": stat.S_ISSOCK,
    "a device": lambda mode: stat.S_ISCHR(mode) or stat.S_ISBLK(mode),
}


class RefusedFileError(GauntletError):
    """What is there is not read; the text says why, and what is allowed."""


class NotAFileError(RefusedFileError):
    """What is there is no regular file."""

    def __init__(self, kind: str) -> None:
        super().__init__(f"it is {kind}; allowed: a file")
        self.kind = kind


def read_regular(path: str | Path, most: int | None = None) -> bytes:
    """Return the content of a regular file, or of one that a link leads to.

    What it is is asked of the opened file, not of its name, which may be another's by then. Bytes
    are counted as they are read: the size may be wrong (as in /proc), and grow.

    Raises
    ------
    NotAFileError
        For a folder, pipe, socket or device; nothing is waited for.
    RefusedFileError
        For more than `most` bytes.
    OSError
        As `open` does.
    """
    try:
        number = os.open(path, _FLAGS)
    except OSError as error:
        if error.errno == errno.ENXIO:  # what opening a socket says
            raise NotAFileError("a socket or a device") from error
        raise
    try:
        status = os.fstat(number)
        if not stat.S_ISREG(status.st_mode):
            kinds = [kind for kind, is_kind in _KINDS.items() if is_kind(status.st_mode)]
            raise NotAFileError(next(iter(kinds), "something else"))
        refuse_size(status.st_size, most)
        with open(number, "rb", buffering=0, closefd=False) as file:
            return read_bounded(file, most)
    finally:
        os.close(number)


def read_bounded(file: Any, most: int | None) -> bytes:
    """Return what is left of an open file.

    Raises
    ------
    RefusedFileError
        For more than `most` bytes, once so many were read.
    """
    blocks, total = [], 0
    while block := file.read(_BLOCK):
        total += len(block)
        refuse_size(total, most, "more than ")
        blocks.append(block)
    return b"".join(blocks)


def read_remote(fs: "AbstractFileSystem", path: str, most: int) -> bytes:
    """Return the content of a file of any file system, read as a stream.

    Raises RefusedFileError for more than `most` bytes, and what the file system raises.
    """
    # Of HTTP: an answer of any size is read as it comes, and no size is asked for before.
    of_http = {"block_size": 0, "size": 1} if "http" in fs.protocol else {}
    with fs.open(path, "rb", **of_http) as file:
        return read_bounded(file, most)


def refuse_size(size: int, most: int | None, told: str = "") -> None:
    """Raise RefusedFileError for more bytes than are allowed; None allows any number."""
    if most is not None and size > most:
        found = most if told else size
        raise RefusedFileError(
            f"it has {told}{found / 2**20:,.0f} MiB; allowed: {most / 2**20:,.0f} MiB"
        )
