"""How much memory loading many symbols needs: run in its own process by `load`.

``python -m benchmarks.store.load_worker ROOT STORED BARS SYMBOLS`` prints JSON; of SYMBOLS, the
STORED ones are loaded repeatedly.
"""

import json
import sys
import time
from typing import Any

from benchmarks.memory_worker import peak_mb, resident_mb
from benchmarks.store.load import SOURCE, wanted
from resources.price_store.history_loader import LoadedHistory, load_histories
from resources.price_store.store import PriceStore

_MEGABYTE = 2**20


def measure(root: str, stored: int, bars: int, symbols: int) -> dict[str, Any]:
    """Load `symbols` symbols, releasing each; return memory and time."""
    store = PriceStore(root=root)
    for _ in load_histories(store, SOURCE, wanted(stored, bars)):
        pass
    start_mb, loaded, begun = resident_mb(), 0, time.perf_counter()
    for _, one in load_histories(store, SOURCE, wanted(stored, bars, symbols // stored)):
        if isinstance(one, LoadedHistory):
            loaded += 6 * one.history.bars.close.nbytes
    return {
        "start_mb": start_mb,
        "growth_mb": peak_mb() - start_mb,
        "loaded_mb": loaded / _MEGABYTE,
        "seconds": time.perf_counter() - begun,
    }


if __name__ == "__main__":
    root, *numbers = sys.argv[1:]
    sys.stdout.write(json.dumps(measure(root, *map(int, numbers))) + "\n")
