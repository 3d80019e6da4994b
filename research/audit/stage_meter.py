"""A stopwatch and a memory gauge for a stage of a run."""

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

_MEGABYTE = 1024 * 1024
_STATUS = Path("/proc/self/status")
_FORGET = Path("/proc/self/clear_refs")

LEAST_SAMPLES = 11
"""Of memory, that a slope is fitted to; with fewer it says where the noise began and ended."""


class StageMeter:
    """Measures what a stage costs, from its construction on.

    Memory is the resident set of this process. Growth is the last sample less the first, so it
    is what a stage leaves behind, not what it needs for a moment; that is the peak, which
    Linux knows between the samples too. The slope is what each symbol leaves behind.
    """

    def __init__(self) -> None:
        self._wall = time.perf_counter()
        self._cpu = time.process_time()
        self._database = 0.0
        self._resident = [resident_mb()]
        self._done = [0]
        forget_highest()
        self._highest = highest_mb()

    def sample(self, symbols: int = 1) -> None:
        """Take a memory sample, after the work on so many more symbols."""
        self._resident.append(resident_mb())
        self._done.append(self._done[-1] + symbols)

    @contextmanager
    def database(self) -> Iterator[None]:
        """Count the time within as time that the database took."""
        begun = time.perf_counter()
        try:
            yield
        finally:
            self._database += time.perf_counter() - begun

    def read(self) -> dict[str, Any]:
        """Return what the stage cost so far: the seconds and megabytes of a `StageProfile`."""
        slope = slope_of(self._done[1:], self._resident[1:])
        self.sample(0)
        first, last = self._resident[0], self._resident[-1]
        highest = highest_mb()
        peak = max(*self._resident, highest if highest > self._highest else 0.0)
        return {
            "wall_seconds": round(time.perf_counter() - self._wall, 3),
            "cpu_seconds": round(time.process_time() - self._cpu, 3),
            "database_seconds": round(self._database, 3),
            "memory_start_mb": round(first, 1),
            "memory_peak_mb": round(peak, 1),
            "memory_growth_mb": round(last - first, 1),
            "memory_slope_mb": None if slope is None else round(slope, 3),
            "memory_samples": len(self._resident),
        }


def resident_mb() -> float:
    """Return the resident set of this process in megabytes."""
    import psutil

    return psutil.Process().memory_info().rss / _MEGABYTE


def forget_highest() -> None:
    """Let the highest resident set be the present one, where the system allows it.

    Otherwise it is known only of what needs more than anything before in this process's life.
    """
    with suppress(OSError):
        _FORGET.write_text("5")


def highest_mb() -> float:
    """Return the highest resident set since it was forgotten, in megabytes.

    0 where the system does not tell, which Linux does.
    """
    if not _STATUS.exists():
        return 0.0
    found = re.search(r"^VmHWM:\s*(\d+) kB", _STATUS.read_text(), re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0


def slope_of(done: Sequence[int], resident: Sequence[float]) -> float | None:
    """Return by how many megabytes memory grows with each symbol; None for too few samples.

    Least squares over what was `resident` after so many symbols were `done`.
    """
    if len(resident) < LEAST_SAMPLES:
        return None
    import numpy as np

    return float(np.polyfit(done, resident, 1)[0])
