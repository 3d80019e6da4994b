"""What a stage of a run cost: time and memory, measured where they are spent."""

import time
from typing import Any

import psutil

_MEGABYTE = 1024 * 1024


class StageProfile:
    """A stopwatch and a memory gauge for one stage of a run; measuring starts on construction.

    Memory is the resident set of this process. Growth is the last sample less the first, so it
    is what a stage leaves behind, not what it needs for a moment; that is the peak.
    """

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._wall = time.perf_counter()
        self._cpu = time.process_time()
        self._resident = [self._now()]

    def sample(self) -> None:
        """Take a memory sample; call it once an iteration."""
        self._resident.append(self._now())

    def summary(self, **counts: float) -> dict[str, Any]:
        """Return the profile as a JSON object: `counts`, seconds, and megabytes of memory."""
        self.sample()
        first, last = self._resident[0], self._resident[-1]
        return {
            **counts,
            "wall_seconds": round(time.perf_counter() - self._wall, 3),
            "cpu_seconds": round(time.process_time() - self._cpu, 3),
            "memory_start_mb": round(first, 1),
            "memory_peak_mb": round(max(self._resident), 1),
            "memory_growth_mb": round(last - first, 1),
            "memory_samples": len(self._resident),
        }

    def _now(self) -> float:
        return self._process.memory_info().rss / _MEGABYTE
