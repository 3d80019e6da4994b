"""The embedded PostgreSQL: a real server from a wheel, with its data under ``<home>/postgres``.

It listens on a Unix socket only, is open to whoever started it and to root, and stops when the last
process that uses it has ended, even if that was killed.

- Its programs are run directly: the wheel's own module initializes in place, waits a second here
  and there, and as root makes every folder above the data readable for everyone.
- As root it runs as another user (accounts), in the folder of its data as its current folder, by
  which it needs no access to those above. They keep their modes, and the data stays in `home`.
- Whether it runs, and whether it is used, is said by locks of the kernel (locks, keeper), not by
  numbers in files.
"""

import atexit
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from resources.result_store.embedded.accounts import SYSTEM_USER, Account, choose_account
from resources.result_store.embedded.address import build_url
from resources.result_store.embedded.locks import (
    lock_path,
    open_descriptor,
    open_lock,
    try_lock,
    wait_for_lock,
)
from resources.result_store.embedded.server import (
    PATIENCE_SECONDS,
    ensure_running,
    explain,
    stop,
)
from resources.result_store.errors import EmbeddedPostgresError

_THREADS = threading.Lock()


@dataclass(frozen=True)
class _Use:
    """That this process uses a server: a shared lock, as long as the descriptor is open."""

    pid: int
    descriptor: int
    host: str


_USES: dict[Path, _Use] = {}


def data_folder(home: Path) -> Path:
    """Return the absolute folder of the server's data; equal paths must mean one server."""
    return home.expanduser().resolve() / "postgres"


def start_embedded(home: Path) -> sa.URL:
    """Return the URL of the server under `home`, starting it if no process has done so.

    Any number of threads and processes may call this at once: one creates, all are answered.

    Raises
    ------
    EmbeddedPostgresError
        When it does not start; the text has the server's own reason.
    """
    folder = data_folder(home)
    try:
        account = choose_account(folder)
        _create_home(folder.parent, account)
        with _THREADS, _alone(folder):
            url = build_url(folder)
            _join(folder, str(url.query["host"]))
            try:
                ensure_running(folder, account)
            except BaseException:
                os.close(_USES.pop(folder).descriptor)
                raise
            return url
    except (OSError, subprocess.SubprocessError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise EmbeddedPostgresError(explain(folder, reason)) from error


def stop_embedded(home: Path) -> None:
    """End this process's use of the server under `home`, which stops if it was the last."""
    folder = data_folder(home)
    with _THREADS:
        _leave(folder)


def is_embedded(url: sa.URL) -> bool:
    """Return whether `url` is that of a server which this process has got from here."""
    return any(use.host == url.query.get("host") for use in list(_USES.values()))


def _create_home(home: Path, account: Account) -> None:
    """Create `home`; what root creates in the folder of a user belongs to that user."""
    missing = [place for place in (home, *home.parents) if not place.exists()]
    for place in reversed(missing):
        place.mkdir(exist_ok=True)
        if os.geteuid() == 0 and account.name != SYSTEM_USER:
            os.chown(place, account.uid, account.gid, follow_symlinks=False)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Let one process at a time look at, start or stop the server in `folder`."""
    with open_lock(lock_path(folder)) as descriptor:
        wait_for_lock(descriptor, PATIENCE_SECONDS)
        yield


def _join(folder: Path, host: str) -> None:
    """Count this process as a user of the server, once; a forked child for itself."""
    use = _USES.get(folder)
    if use is not None and use.pid == os.getpid():
        return
    descriptor = open_descriptor(lock_path(folder, "users"))
    try:
        # Held exclusively, a server that nobody used any more is being stopped.
        wait_for_lock(descriptor, PATIENCE_SECONDS, shared=True)
    except BaseException:
        os.close(descriptor)
        raise
    _USES[folder] = _Use(os.getpid(), descriptor, host)


def _leave(folder: Path) -> None:
    use = _USES.pop(folder, None)
    if use is None or use.pid != os.getpid():
        return
    try:
        with _alone(folder):
            if try_lock(use.descriptor):
                stop(folder)
            elif not try_lock(use.descriptor, shared=True):
                # The keeper was faster, and is stopping it.
                wait_for_lock(use.descriptor, PATIENCE_SECONDS, shared=True)
    finally:
        os.close(use.descriptor)


@atexit.register
def _leave_all() -> None:
    for folder in list(_USES):
        # There is no one left to tell; the keeper stops the server.
        with suppress(OSError):
            _leave(folder)
