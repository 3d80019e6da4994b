"""Threads that a fork of this process would miss: what they hold stays locked there.

Libraries that start threads when they are imported are safe if they see to a fork, as allocators
and OpenBLAS do, or if nobody waits for the thread: that of Polars removes files of large queries.
Those that the first query of Polars starts, or the first loop of OpenMP, are not: the same in a
fork hangs.
"""

import os
import threading
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path

_SAFE = ("jemalloc_bg_thd", "polars-ooc-clea")
"""Names as Linux has them, cut to 15 characters."""

_TASKS = Path("/proc/self/task")


def list_threads() -> dict[int, str]:
    """Return the names of this process's threads by their numbers; none where it can't be seen."""
    found: dict[int, str] = {}
    for task in _TASKS.iterdir() if _TASKS.exists() else ():
        try:
            found[int(task.name)] = (task / "comm").read_text().strip()
        except OSError:  # it has just ended
            continue
    return found


def find_lost_threads(before: Collection[int]) -> set[str]:
    """Return the names of threads that a fork would miss and that were not there `before`.

    One without a name of its own has that of the process.
    """
    of_python = {thread.native_id: thread.name for thread in threading.enumerate()}
    return {
        of_python.get(number, name)
        for number, name in list_threads().items()
        if number not in before and name not in _SAFE
    }


def try_in_fork(load: Callable[[], None]) -> set[str]:
    """Return the names of threads that `load` would leave, which a fork of this process tries.

    A fork that ends on the way leaves one that is called "unknown".
    """
    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        _report_threads(load, writer)
    os.close(writer)
    with open(reader) as report:  # noqa: PTH123 - a pipe
        text = report.read()
    _, status = os.waitpid(pid, 0)
    return {"unknown"} if status else set(filter(None, text.split("\n")))


def _report_threads(load: Callable[[], None], writer: int) -> None:
    """Load in silence, say which threads are left, and end this process."""
    try:
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        before = list_threads()
        with suppress(Exception):  # who loads it in earnest will say so
            load()
        os.write(writer, "\n".join(find_lost_threads(before)).encode())
        os._exit(0)
    finally:
        os._exit(1)
