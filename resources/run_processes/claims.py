"""The lock that the process of a run holds for as long as it lives.

The kernel releases it when the process ends, however it ends, and not before: a stopped process
keeps it. Whoever reports a run as dead holds the lock meanwhile, and a process that is to execute a
run takes the lock first, then reads the run's status: so a run that was reported as dead is not
executed by anyone, and is never executed later.

A run may also be claimed for a process that is being started; what is known then is the process
that starts it. No file means that nothing is known, and nothing is concluded from that.
"""

import atexit
import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from resources.run_processes.process import ProcessIdentity, is_on_local_disk

_STARTING = "starting "
_THREADS = threading.RLock()
_held: dict[Path, int] = {}
_ended: set[Path] = set()


class Claim:
    """What is known of a run's process, while no other process can claim the run.

    Attributes
    ----------
    identity
        Of the process that executes the run, or of the one that starts it; None if unknown.
    starting
        Whether it is the one that starts it.
    """

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self.starting = text.startswith(_STARTING)
        self.identity = ProcessIdentity.from_json(text.removeprefix(_STARTING))

    def explain_death(self) -> str:
        """Return why no process executes the run; "" if that is not certain.

        The lock is not held by anyone. On a local disk that is proof for a process of this start of
        the machine, in whichever container, and for one of an earlier start.
        """
        who = self.identity
        if who is None:
            return ""
        named = f"(process {who.pid} of {who.host})"
        local = is_on_local_disk(self._path)
        if local and who.is_of_earlier_start():
            return f"its machine was restarted {named}"
        if self.starting:
            return f"what started it is gone {named}" if who.has_ended() else ""
        gone = who.is_of_this_start() if local else who.has_ended()
        return f"its process was killed or ended without a word {named}" if gone else ""


class RunClaims:
    """The locks of runs, one file per run in a folder.

    Parameters
    ----------
    folder
        Of an instance of Dagster; it need not exist yet.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()

    def hold(self, run_id: str) -> None:
        """Claim a run for this process; wait while somebody reports it as dead.

        Where files can't be locked or written the run is executed without a claim.
        """
        path = self._folder / run_id
        with _THREADS, suppress(OSError):
            if path in _held:
                return
            _release_ended()
            self._folder.mkdir(parents=True, exist_ok=True)
            descriptor = _lock_current_file(path)
            _held[path] = descriptor
            _write(descriptor, ProcessIdentity.of_this_process().to_json())

    def hold_for_start(self, run_id: str) -> None:
        """Note that this process starts the one that will hold the claim."""
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            descriptor = _lock_current_file(self._folder / run_id)
            try:
                _write(descriptor, _STARTING + ProcessIdentity.of_this_process().to_json())
            finally:
                os.close(descriptor)

    def end(self, run_id: str) -> None:
        """Note that a run has ended: its claim is released with the next one, or at exit.

        Not at once: the run's status is written after its last event.
        """
        with _THREADS:
            _ended.update({self._folder / run_id} & _held.keys())

    def list_runs(self) -> list[str]:
        """Return the runs that are claimed, or whose claim was left behind."""
        with suppress(OSError):
            return sorted(path.name for path in self._folder.iterdir())
        return []

    @contextmanager
    def examine(self, run_id: str) -> Iterator[Claim | None]:
        """Lend what is known of a run's process; None while a process holds the claim.

        Within the block no process can begin to execute the run.
        """
        path = self._folder / run_id
        descriptor = None
        with suppress(OSError):
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        if descriptor is None:
            yield None
            return
        try:
            yield _read(path, descriptor) if _lock_at_once(descriptor) else None
        finally:
            os.close(descriptor)

    def find_holder(self, run_id: str) -> ProcessIdentity | None:
        """Return the process that executes a run, if it can be seen from here."""
        with suppress(OSError):
            descriptor = os.open(self._folder / run_id, os.O_RDWR | os.O_CLOEXEC)
            try:
                if not _lock_at_once(descriptor):
                    who = _read(self._folder / run_id, descriptor).identity
                    return who if who and who.is_alive() else None
            finally:
                os.close(descriptor)
        return None

    def is_dead(self, run_id: str) -> bool:
        """Return whether a run's process is known to be gone."""
        with self.examine(run_id) as claim:
            return claim is not None and bool(claim.explain_death())

    def remove(self, run_id: str) -> None:
        """Remove what an ended process left; only within `examine`."""
        (self._folder / run_id).unlink(missing_ok=True)


def _lock_current_file(path: Path) -> int:
    """Return a descriptor of the file, locked; of the one that has the name by then."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        except FileNotFoundError:
            pass
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _lock_at_once(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _write(descriptor: int, text: str) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, text.encode(), 0)


def _read(path: Path, descriptor: int) -> Claim:
    return Claim(path, os.pread(descriptor, 10_000, 0).decode(errors="replace"))


def _release_ended() -> None:
    for path in list(_ended):
        _ended.discard(path)
        with suppress(KeyError):
            descriptor = _held.pop(path)
            path.unlink(missing_ok=True)
            os.close(descriptor)


def _release_at_exit() -> None:
    """Remove the files of runs that have ended; those of others stay, and say that it is dead."""
    with _THREADS, suppress(OSError):
        _release_ended()


def _drop_in_child() -> None:
    """Close what a forked child has inherited: it would hold the claims of its parent."""
    global _THREADS  # noqa: PLW0603
    _THREADS = threading.RLock()  # another thread of the parent may have had it
    for descriptor in _held.values():
        with suppress(OSError):
            os.close(descriptor)
    _held.clear()
    _ended.clear()


atexit.register(_release_at_exit)
os.register_at_fork(after_in_child=_drop_in_child)
