"""What a stage of a run cost: time and memory, measured where they are spent."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import psutil

_MEGABYTE = 1024 * 1024

LEAST_SAMPLES = 11
"""Of memory, that a slope is fitted to; with fewer it says where the noise began and ended."""


class StageProfile:
    """A stopwatch and a memory gauge for one stage of a run; measuring starts on construction.

    Memory is the resident set of this process. Growth is the last sample less the first, so it
    is what a stage leaves behind, not what it needs for a moment; that is the peak. The slope is
    what each iteration leaves behind.
    """

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._wall = time.perf_counter()
        self._cpu = time.process_time()
        self._database = 0.0
        self._resident = [self._now()]

    def sample(self) -> None:
        """Take a memory sample; call it once an iteration."""
        self._resident.append(self._now())

    @property
    def iterations(self) -> int:
        """Number of iterations sampled so far."""
        return len(self._resident) - 1

    @contextmanager
    def database(self) -> Iterator[None]:
        """Count the time within as time that the database took."""
        begun = time.perf_counter()
        try:
            yield
        finally:
            self._database += time.perf_counter() - begun

    def summary(self, **counts: float) -> dict[str, Any]:
        """Return the profile as a JSON object: `counts`, seconds, and megabytes of memory.

        ``memory_slope_mb`` is None where there are too few samples.
        """
        slope = slope_of(self._resident[1:])
        self.sample()
        first, last = self._resident[0], self._resident[-1]
        return {
            **counts,
            "wall_seconds": round(time.perf_counter() - self._wall, 3),
            "cpu_seconds": round(time.process_time() - self._cpu, 3),
            "database_seconds": round(self._database, 3),
            "memory_start_mb": round(first, 1),
            "memory_peak_mb": round(max(self._resident), 1),
            "memory_growth_mb": round(last - first, 1),
            "memory_slope_mb": None if slope is None else round(slope, 3),
            "memory_samples": len(self._resident),
        }

    def _now(self) -> float:
        return self._process.memory_info().rss / _MEGABYTE


def slope_of(samples: Sequence[float]) -> float | None:
    """Return the growth from one sample to the next, by least squares; None for too few."""
    if len(samples) < LEAST_SAMPLES:
        return None
    return float(np.polyfit(np.arange(len(samples)), samples, 1)[0])
