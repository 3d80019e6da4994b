"""The identity of a process: enough to know later, also in another process, that it is gone."""

import json
import os
import platform
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_NAMESPACE = Path("/proc/self/ns/pid")
_LOCAL = frozenset({"apfs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "hfs"})
_LOCAL |= {"overlay", "tmpfs", "xfs", "zfs"}


@dataclass(frozen=True)
class ProcessIdentity:
    """A process of one start of one machine.

    Attributes
    ----------
    host, boot
        The machine's name, and an identifier that is new each time that it starts.
    namespace
        What numbers of processes refer to: containers have numbers of their own.
    pid, started
        The process's number, and when it started: numbers are used again. In ticks since `boot`, so
        that a clock that is set does not matter.
    """

    host: str
    boot: str
    namespace: str
    pid: int
    started: str

    @classmethod
    def of_this_process(cls) -> "ProcessIdentity":
        """Return the identity of the process that asks."""
        return cls.of(os.getpid())

    @classmethod
    def of(cls, pid: int) -> "ProcessIdentity":
        """Return the identity of a process; one that has ended has none, and is never alive."""
        started = _read_start(pid) or ""
        return cls(platform.node(), _read_boot(), _read_namespace(), pid, started)

    @classmethod
    def from_json(cls, text: str) -> "ProcessIdentity | None":
        """Return the identity that `to_json` wrote; None for any other text."""
        with suppress(ValueError, TypeError):
            return cls(**json.loads(text))
        return None

    def to_json(self) -> str:
        """Return the identity as text."""
        return json.dumps(asdict(self))

    def is_of_this_start(self) -> bool:
        """Return whether the process belongs to the running kernel."""
        return self.boot == _read_boot()

    def is_of_earlier_start(self) -> bool:
        """Return whether the process was one of this machine, which has been restarted since.

        A copy of the machine's disk has another name: its original may be running.
        """
        return self.host == platform.node() and self.boot != _read_boot()

    def has_ended(self) -> bool:
        """Return whether the process has ended; False also if it can't be seen from here."""
        return self._can_be_seen() and _read_start(self.pid) != self.started

    def is_alive(self) -> bool:
        """Return whether the process runs; False also if it can't be seen from here."""
        return self._can_be_seen() and _read_start(self.pid) == self.started

    def _can_be_seen(self) -> bool:
        here = self.is_of_this_start() and self.namespace == _read_namespace()
        return here and bool(self.started)


def is_on_local_disk(path: Path) -> bool:
    """Return whether a file is on a file system that one kernel alone can use at a time.

    Locks of files are reliable there: the kernel that releases one knows all processes. Over a
    network a lock is lost with the connection. Unknown file systems count as remote.
    """
    import psutil

    mounted = {part.mountpoint: part.fstype for part in psutil.disk_partitions(all=True)}
    absolute = path.resolve()
    places = [str(place) for place in (absolute, *absolute.parents)]
    return next((mounted[place] for place in places if place in mounted), "") in _LOCAL


def _read_boot() -> str:
    with suppress(OSError):
        return _BOOT.read_text().strip()
    return ""


def _read_namespace() -> str:
    with suppress(OSError):
        return str(_NAMESPACE.readlink())
    return ""


def _read_start(pid: int) -> str | None:
    """Return when a process started; None if there is none, or just what is left of one."""
    if not _BOOT.exists():
        return _read_start_without_proc(pid)
    with suppress(OSError):
        # The name, in parentheses, may contain anything; after it the state is the first field.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return None if fields[0] in {"Z", "X"} else fields[19]
    return None


def _read_start_without_proc(pid: int) -> str | None:
    import psutil

    with suppress(psutil.Error):
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else str(process.create_time())
    return None
