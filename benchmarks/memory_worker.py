"""A process that runs a large universe and prints, as JSON, how its memory grew.

``python -m benchmarks.memory_worker SYMBOLS BARS``
"""

import json
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
from rich.console import Console
from rich.progress import track

from benchmarks.universe import WINDOW, history, nine_strategies
from engine.backtest import VectorBTEngine
from engine.history import History

_MEGABYTE = 2**20

_WARM_UP_SYMBOLS = 20


def measure(symbols: int, bars: int) -> dict[str, float]:
    """Return resident memory before, at its peak and after, in MB, and how much work was done."""
    engine, strategies = VectorBTEngine(), nine_strategies()
    _run(engine, strategies, (history(number, bars) for number in range(_WARM_UP_SYMBOLS)))
    start_mb, start = resident_mb(), time.perf_counter()
    backtests = _run(engine, strategies, _histories(symbols, bars))
    return {
        "start_mb": start_mb,
        "peak_mb": peak_mb(),
        "end_mb": resident_mb(),
        "backtests": backtests,
        "seconds": time.perf_counter() - start,
    }


def resident_mb() -> float:
    """Return the resident memory now, in MB."""
    return psutil.Process().memory_info().rss / _MEGABYTE


def peak_mb() -> float:
    """Return the peak resident memory of this process, in MB.

    Linux's `ru_maxrss` is of no use here: a process inherits that of its parent.
    """
    status = Path("/proc/self/status")
    if status.exists():
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
        if found:
            return int(found[1]) / 1024
    import resource

    # macOS counts in bytes.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _MEGABYTE


def _run(engine: VectorBTEngine, strategies: list, histories: Iterator[History]) -> int:
    backtests = 0
    for outcome in engine.run_batches(histories, strategies, WINDOW):
        for result in outcome.results:
            _ = result.metrics, result.trades
        backtests += len(outcome.results)
    return backtests


def _histories(symbols: int, bars: int) -> Iterator[History]:
    """Yield one history at a time, with a progress bar on standard error."""
    screen = Console(stderr=True)
    for number in track(range(symbols), "Symbols", console=screen, transient=True):
        yield history(number, bars)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(int(sys.argv[1]), int(sys.argv[2]))) + "\n")
