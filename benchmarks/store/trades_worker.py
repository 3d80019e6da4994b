"""How much memory one call with many trades needs: run in its own process by `save`.

``python -m benchmarks.store.trades_worker HOME BACKTESTS TRADES`` prints JSON.
"""

import json
import sys
import threading
import time
from typing import Any

import psutil

from benchmarks.store.rows import results, trades
from resources.result_store.resource import ResultStore

_MEGABYTE = 1_000_000
_BETWEEN_SAMPLES = 0.005


def measure(home: str, backtests: int, each: int) -> dict[str, Any]:
    """Save `backtests` backtests with `each` trades each under `home`; return memory and time."""
    manager = ResultStore(home=home).manager()
    frame = results(backtests)
    rows = trades(frame["id"], each)
    warm = frame.head(10)
    manager.save_backtests(warm, trades(warm["id"], 10))
    process, peak, done = psutil.Process(), [0], threading.Event()

    def watch() -> None:
        while not done.is_set():
            peak[0] = max(peak[0], process.memory_info().rss)
            time.sleep(_BETWEEN_SAMPLES)

    before = process.memory_info().rss
    watcher = threading.Thread(target=watch)
    watcher.start()
    begun = time.perf_counter()
    manager.save_backtests(frame, rows)
    seconds = time.perf_counter() - begun
    done.set()
    watcher.join()
    manager.engine.dispose()
    return {
        "trades": rows.height,
        "frame_mb": rows.estimated_size() / _MEGABYTE,
        "growth_mb": (max(peak[0], before) - before) / _MEGABYTE,
        "seconds": seconds,
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))) + "\n")
