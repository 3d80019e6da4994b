"""A stopwatch and a memory gauge for a stage of a run."""

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

_MEGABYTE = 1024 * 1024
_STATUS = Path("/proc/self/status")
_CLEAR_REFS = Path("/proc/self/clear_refs")

LEAST_SAMPLES = 11
"""Memory samples that a slope is fitted to; with fewer it only reflects noise."""


class StageMeter:
    """Measures what a stage costs, from its construction on.

    Memory is the resident set of this process. Growth is the last sample minus the first: what a
    stage leaves behind, not what it needs temporarily. That is the peak, which Linux also tracks
    between samples. The slope is what each symbol leaves behind.
    """

    def __init__(self) -> None:
        self._wall = time.perf_counter()
        self._cpu = time.process_time()
        self._database = 0.0
        self._resident = [measure_resident_mb()]
        self._done = [0]
        reset_peak()
        self._peak = read_peak_mb()

    def sample(self, symbols: int = 1) -> None:
        """Take a memory sample, after so many more symbols."""
        self._resident.append(measure_resident_mb())
        self._done.append(self._done[-1] + symbols)

    @contextmanager
    def database(self) -> Iterator[None]:
        """Count the time within the context as the database's."""
        begun = time.perf_counter()
        try:
            yield
        finally:
            self._database += time.perf_counter() - begun

    def read(self) -> dict[str, Any]:
        """Return what the stage cost so far: seconds and megabytes, by field of `StageProfile`."""
        slope = fit_slope(self._done[1:], self._resident[1:])
        self.sample(0)
        first, last = self._resident[0], self._resident[-1]
        highest = read_peak_mb()
        peak = max(*self._resident, highest if highest > self._peak else 0.0)
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


def measure_resident_mb() -> float:
    """Return the resident set of this process in megabytes."""
    import psutil

    return psutil.Process().memory_info().rss / _MEGABYTE


def reset_peak() -> None:
    """Reset the peak resident set to the current one, where the system allows it.

    Otherwise a stage's peak is known only if it exceeds all earlier ones of this process.
    """
    with suppress(OSError):
        _CLEAR_REFS.write_text("5")


def read_peak_mb() -> float:
    """Return the peak resident set since it was reset, in megabytes; 0 except on Linux."""
    if not _STATUS.exists():
        return 0.0
    found = re.search(r"^VmHWM:\s*(\d+) kB", _STATUS.read_text(), re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0


def fit_slope(done: Sequence[int], resident: Sequence[float]) -> float | None:
    """Return by how many megabytes memory grows per symbol; None for too few samples.

    Least squares of the `resident` memory after so many symbols were `done`.
    """
    if len(resident) < LEAST_SAMPLES:
        return None
    import numpy as np

    return float(np.polyfit(done, resident, 1)[0])
