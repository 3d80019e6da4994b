"""Start a PostgreSQL, and stop it when the last process that uses it has ended, however it ended.

A program of its own, with the standard library only: ``python -I -S keeper.py <JSON of Launch>``,
in the folder of the server's data. It returns when the server's process exists; a copy of it stays,
as the parent of the server, and waits for an exclusive lock on the file of which every process that
uses the server holds a shared one. The kernel releases the lock of a process that was killed, and
waiting for it costs nothing.

As root everything in the folder of the data is done as the user that the server runs as: the owner
of a folder may have put links there.
"""

import fcntl
import json
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import TypedDict

_STOPS = ((signal.SIGINT, 30.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 10.0))
"""Fast shutdown, then immediate shutdown, then the end; with the seconds that each is given."""


class Launch(TypedDict):
    """What is started, and as whom."""

    command: list[str]
    uid: int
    gid: int
    users_lock: int
    """Descriptor of the file of which every user holds a shared lock; the keeper waits for it."""
    server_lock: int
    """Descriptor of a locked file, which the server and its processes keep open."""
    files: dict[str, str]
    """Files of the folder by name, written if their text differs."""
    stale: list[str]
    """Names of files that a dead server may have left."""


def main() -> None:
    """Start the server, and stay as its parent."""
    launch: Launch = json.loads(sys.argv[1])
    if os.fork():
        os._exit(0)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    # When the server ends by itself, nothing is left to wait for.
    signal.signal(signal.SIGCHLD, _end)
    server = os.fork()
    if not server:
        _become_server(launch)
    _detach(launch["server_lock"])
    fcntl.flock(launch["users_lock"], fcntl.LOCK_EX)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _stop(server)


def _end(_signal: int, _frame: FrameType | None) -> None:
    os.wait()
    os._exit(0)


def _become_server(launch: Launch) -> None:
    """Replace this process by the server; what fails before goes to standard error."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(launch["gid"])
        os.setuid(launch["uid"])
    os.umask(0o077)
    Path().chmod(0o700)
    for name in launch["stale"]:
        Path(name).unlink(missing_ok=True)
    for name, text in launch["files"].items():
        _write(Path(name), text)
    log = os.open("log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.close(launch["users_lock"])
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.execv(launch["command"][0], launch["command"])  # noqa: S606


def _write(path: Path, text: str) -> None:
    with suppress(OSError):
        if path.read_text() == text:
            return
    aside = path.with_name(path.name + ".new")
    aside.write_text(text)
    aside.replace(path)


def _detach(server_lock: int) -> None:
    """Keep nothing open that others wait for, and no folder in use."""
    os.close(server_lock)
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nothing, stream)
    os.chdir("/")


def _stop(server: int) -> None:
    """Stop the child, which cannot be mistaken for another process before it is waited for."""
    for stop, seconds in _STOPS:
        with suppress(ProcessLookupError):
            os.kill(server, stop)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if os.waitpid(server, os.WNOHANG)[0]:
                return
            time.sleep(0.01)


if __name__ == "__main__":
    main()
