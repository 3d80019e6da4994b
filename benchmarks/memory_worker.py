"""A process that runs a large universe and prints, as JSON, how its memory grew.

``python -m benchmarks.memory_worker SYMBOLS BARS [sweep]``: the nine strategies with their
defaults, or all 312 points of their ranges, one sweep per strategy.
"""

import json
import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
from rich.console import Console
from rich.progress import track

from benchmarks.universe import NINE, WINDOW, history, nine_strategies
from engine.backtest import VectorBTEngine
from engine.history import History
from engine.optimization import SHOWN
from engine.parameter_grid import sweep

_MEGABYTE = 2**20

_WARM_UP_SYMBOLS = 20


def measure(symbols: int, bars: int, run: "Run") -> dict[str, float]:
    """Return resident memory before, at its peak and after, in MB, and how much work was done."""
    run(_WARM_UP_SYMBOLS, bars)
    start_mb, start = resident_mb(), time.process_time()
    backtests = run(symbols, bars)
    return {
        "start_mb": start_mb,
        "peak_mb": peak_mb(),
        "end_mb": resident_mb(),
        "backtests": backtests,
        "seconds": time.process_time() - start,
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


Run = Callable[[int, int], int]
"""Runs so many symbols of so many bars, and returns the number of backtests."""


def run_defaults(symbols: int, bars: int) -> int:
    """Read and release the results of the nine strategies, a few symbols at a time."""
    backtests = 0
    histories = _histories(symbols, bars)
    for outcome in VectorBTEngine().run_batches(histories, nine_strategies(), WINDOW):
        for result in outcome.results:
            _ = result.metrics, result.trades
        backtests += len(outcome.results)
    return backtests


def run_sweeps(symbols: int, bars: int) -> int:
    """Sweep each of the nine strategies, and make a table of the metrics that rank its points."""
    engine, rows = VectorBTEngine(), 0
    for name in NINE:
        rows += len(sweep(engine, _histories(symbols, bars), name, WINDOW).table(SHOWN))
    return rows


def _histories(symbols: int, bars: int) -> Iterator[History]:
    """Yield one history at a time, with a progress bar on standard error."""
    screen = Console(stderr=True)
    for number in track(range(symbols), "Symbols", console=screen, transient=True):
        yield history(number, bars)


if __name__ == "__main__":
    wanted = run_sweeps if sys.argv[3:] == ["sweep"] else run_defaults
    sys.stdout.write(json.dumps(measure(int(sys.argv[1]), int(sys.argv[2]), wanted)) + "\n")
