"""The private folder of a local cluster, and the removal of those whose driver was killed.

A file in it is locked (`flock`) by the driver and by the processes that it starts: the kernel frees
the lock when the last of them is gone, however they went.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PREFIX = "gauntlet-cluster-"
_LOCK = "driver.lock"


@contextmanager
def lend_folder() -> Iterator[tuple[Path, int]]:
    """Lend a folder and the descriptor of its lock, after a removal of abandoned folders."""
    remove_abandoned()
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    lock = _lock_new(folder)
    try:
        yield folder, lock
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def remove_abandoned() -> None:
    """Remove this user's folders of which neither driver nor processes are alive.

    One without a lock is left alone: it may be about to get it.
    """
    for lock in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*/{_LOCK}"):
        with suppress(OSError):
            descriptor = os.open(lock, os.O_RDWR | os.O_NOFOLLOW)
            try:
                if os.fstat(descriptor).st_uid == os.getuid():
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(lock.parent, ignore_errors=True)
            finally:
                os.close(descriptor)


def _lock_new(folder: Path) -> int:
    """Return the descriptor of a lock that is held before it has its name."""
    unnamed = folder / f"{_LOCK}.new"
    descriptor = os.open(unnamed, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    unnamed.rename(folder / _LOCK)
    return descriptor
