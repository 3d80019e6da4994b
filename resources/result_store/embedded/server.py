"""Start and stop the server; called with the lock that lets one process at a time do so."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from resources.result_store.embedded.accounts import Account
from resources.result_store.embedded.address import PORT, build_access_files, find_socket
from resources.result_store.embedded.initialize import (
    HOW_TO_RESTORE,
    ensure_initialized,
    find_error,
    holds_rows,
    same_folder,
)
from resources.result_store.embedded.keeper import Launch
from resources.result_store.embedded.locks import is_locked, lock_path, open_lock, try_lock
from resources.result_store.embedded.programs import clean_environment, find_programs_for
from resources.result_store.errors import EmbeddedPostgresError

PATIENCE_SECONDS = 120.0
"""For a server that recovers from a crash, and for one that others start or stop."""

_STARTS = 3
"""So often is it started when it ends without an error, as one does that is killed."""

_LONGEST_LOG = 10_000_000
"""Bytes of a log that is put aside at the next start; the one before it is dropped."""

_DISK = {"max_wal_size": "128MB", "min_wal_size": "32MB"}
"""How far the write-ahead log grows before its changes are in the tables, and what is kept of it.

PostgreSQL's own 1 GB is more than the rows of a universe need.
"""

_POLL_SECONDS = 0.005
_STALE = ("postmaster.pid", f".s.PGSQL.{PORT}", f".s.PGSQL.{PORT}.lock", ".handle_pids.json")


def ensure_running(folder: Path, account: Account) -> None:
    """Return when a server with its data in `folder` accepts connections, starting it if needed."""
    end = time.monotonic() + PATIENCE_SECONDS
    starts = 0
    while time.monotonic() < end:
        with open_lock(lock_path(folder, "server")) as lock:
            log_size = _start(folder, account, lock) if try_lock(lock) else None
        if log_size is not None:
            starts += 1
            if _became_ready(folder, log_size, end, is_last=starts == _STARTS):
                return
        elif _is_ready(folder):
            return
        time.sleep(_POLL_SECONDS)
    raise EmbeddedPostgresError(explain(folder, f"it was not ready after {PATIENCE_SECONDS:.0f} s"))


def stop(folder: Path) -> None:
    """Stop the server with its data in `folder` and wait for its end; nothing if none runs."""
    end = time.monotonic() + PATIENCE_SECONDS
    server = _find_server(folder)
    if server is not None:
        os.kill(server, signal.SIGINT)
    while is_locked(lock_path(folder, "server")) or _find_server(folder) is not None:
        if time.monotonic() > end:
            raise TimeoutError(f"the PostgreSQL in {folder} does not stop")
        time.sleep(_POLL_SECONDS)


def explain(folder: Path, reason: str) -> str:
    """Return one line: the server did not start, why, and what to do."""
    log = folder / "log"
    where = kept = ""
    with suppress(OSError):
        where = f" Its log is {log}." if log.exists() else ""
        if shutil.disk_usage(folder).free == 0:
            reason += "; the disk is full"
        if holds_rows(folder):
            kept = f" Its data was not touched; {HOW_TO_RESTORE}."
    return (
        f"The embedded PostgreSQL in {folder} did not start: {reason}.{where}{kept} "
        "Set DATABASE_URL to use another PostgreSQL."
    )


def _start(folder: Path, account: Account, lock: int) -> int:
    """Start the server, which holds the lock from now on; return the size of its log before."""
    if _find_server(folder) is not None:
        stop(folder)  # one without the lock, started by an earlier version or by hand
    ensure_initialized(folder, account, lock)
    log = folder / "log"
    size = log.stat().st_size if log.exists() else 0
    if size > _LONGEST_LOG:
        log.replace(folder / "log.1")
        size = 0
    with open_lock(lock_path(folder, "users")) as users:
        _launch(folder, account, lock, users)
    return size


def _launch(folder: Path, account: Account, lock: int, users: int) -> None:
    settings = ["-k", ".", "-h", "", "-p", str(PORT), "-c", "unix_socket_permissions=0700"]
    settings += [part for name, value in _DISK.items() for part in ("-c", f"{name}={value}")]
    program = find_programs_for(account) / "postgres"
    launch: Launch = {
        "command": [str(program), "-D", same_folder() or str(folder), *settings],
        "uid": account.uid,
        "gid": account.gid,
        "users_lock": users,
        "server_lock": lock,
        "files": build_access_files(account),
        "stale": list(_STALE),
    }
    keeper = Path(__file__).with_name("keeper.py")
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-I", "-S", keeper, json.dumps(launch)],
        cwd=folder,
        env=clean_environment(),
        pass_fds=[lock, users],
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stderr.strip().splitlines()
    if done.returncode or lines:
        raise EmbeddedPostgresError(explain(folder, lines[-1] if lines else "no reason was given"))


def _became_ready(folder: Path, log_size: int, end: float, *, is_last: bool) -> bool:
    """Wait for the server that was started; False if something killed it, unless it is the last."""
    while not _is_ready(folder):
        if not is_locked(lock_path(folder, "server")):
            reason = _read_reason(folder, log_size)
            if reason or is_last:
                raise EmbeddedPostgresError(explain(folder, reason or "something killed it"))
            return False
        if time.monotonic() > end:
            raise EmbeddedPostgresError(explain(folder, "it is still starting"))
        time.sleep(_POLL_SECONDS)
    return True


def _read_reason(folder: Path, log_size: int) -> str:
    """Return why the server ended, from its log since its start; nothing if it does not say so."""
    with suppress(OSError), (folder / "log").open(errors="replace") as log:
        log.seek(log_size)
        return find_error(log.read(), folder)
    return ""


def _is_ready(folder: Path) -> bool:
    """Return whether the server says so, and listens: one that was killed says so for ever."""
    if _read_pid_file(folder)[-1:] != ["ready"]:
        return False
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(find_socket(folder))) == 0


def _read_pid_file(folder: Path) -> list[str]:
    try:
        text = (folder / "postmaster.pid").read_text(errors="replace")
    except FileNotFoundError:
        return []
    return [line.strip() for line in text.splitlines()]


def _find_server(folder: Path) -> int | None:
    """Return the process of the server, if it runs; its number may belong to another by now."""
    import psutil

    number = next(iter(_read_pid_file(folder)), "")
    if not number.isdigit():
        return None
    try:
        process = psutil.Process(int(number))
        if "postgres" in process.name() and Path(process.cwd()).samefile(folder):
            return process.pid
    except (psutil.Error, OSError):
        return None
    return None
