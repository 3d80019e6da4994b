"""Seconds of the processor, which a busy machine changes little, and seconds on the wall."""

import resource
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

Clock = Callable[[], float]
"""Returns seconds since any fixed moment."""

wall_seconds: Clock = time.perf_counter
"""Seconds that pass: for what waits, such as for a disk or for another's answer."""


def cpu_seconds() -> float:
    """Return the processor's time that this process and its ended children have used.

    All threads count, in user and system mode. A child counts once it was waited for.
    """
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def cpu_seconds_with(server: int) -> Clock:
    """Return a clock of this process that counts a server and all of its processes too.

    Parameters
    ----------
    server
        The process ID of the server that starts the others, such as PostgreSQL's.
    """
    root = psutil.Process(server)
    return lambda: cpu_seconds() + cpu_seconds_of(root)


def cpu_seconds_of(server: psutil.Process) -> float:
    """Return the processor's time of a server and all of its processes, the ended ones too."""
    used = sum(server.cpu_times()[:4])
    for child in server.children(recursive=True):
        # What has just ended counts as an ended child of the server.
        with suppress(psutil.Error):
            used += sum(child.cpu_times()[:4])
    return used


def postgres_process(data: Path) -> int:
    """Return the process ID of the PostgreSQL server that runs on a data folder."""
    return int((data / "postmaster.pid").read_text().splitlines()[0])
