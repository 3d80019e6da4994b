"""Locks that the kernel releases when their holder ends, however it ends.

Three files beside the folder of the data, each locked by `flock`:

- ``postgres.lock``: the process that looks whether the server runs, starts it or stops it;
- ``postgres.users.lock``: shared by all processes that use the server;
- ``postgres.server.lock``: inherited by the server's processes. Whether a server runs is whether
  this is locked: a number in a file may be that of another process, of a zombie, or of a process
  in another container.
"""

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_POLL_SECONDS = 0.01


def lock_path(folder: Path, name: str = "") -> Path:
    """Return the lock of that name of the server with its data in `folder`."""
    return folder.with_suffix(f".{name}.lock" if name else ".lock")


@contextmanager
def open_lock(path: Path) -> Iterator[int]:
    """Open a lock's file, creating it; closing releases what this process has locked."""
    descriptor = open_descriptor(path)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def open_descriptor(path: Path) -> int:
    """Open a lock's file, which belongs to whom its folder belongs to."""
    flags = os.O_CLOEXEC | os.O_NOFOLLOW
    with suppress(FileExistsError):
        created = os.open(path, flags | os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        if os.geteuid() == 0:
            parent = path.parent.stat()
            os.fchown(created, parent.st_uid, parent.st_gid)
        return created
    try:
        return os.open(path, flags | os.O_RDWR)
    except PermissionError:
        return os.open(path, flags | os.O_RDONLY)  # root's, of a version that did not hand it over


def try_lock(descriptor: int, *, shared: bool = False) -> bool:
    """Lock an open file if that is possible at once."""
    operation = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        fcntl.flock(descriptor, operation | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in {errno.EWOULDBLOCK, errno.EACCES}:
            raise
        return False
    return True


def wait_for_lock(descriptor: int, seconds: float, *, shared: bool = False) -> None:
    """Lock an open file; TimeoutError if others hold it for longer."""
    end = time.monotonic() + seconds
    while not try_lock(descriptor, shared=shared):
        if time.monotonic() > end:
            raise TimeoutError(f"another process has been starting or stopping it for {seconds} s")
        time.sleep(_POLL_SECONDS)


def is_locked(path: Path) -> bool:
    """Return whether any process holds the lock."""
    with open_lock(path) as descriptor:
        return not try_lock(descriptor)
