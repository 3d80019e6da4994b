"""How much memory the leaderboard's curves need: run in its own process by `curves`.

``python -m benchmarks.store.curves_worker FOLDER PARTS REPEATED`` prints JSON.
"""

import json
import sys

from benchmarks.memory_worker import peak_mb, resident_mb
from benchmarks.store.curves import list_strategies, read_curves
from research.universe_growth import compute_growth


def measure(folder: str, parts: int, repeated: int) -> dict[str, float]:
    """Add up the first part's curves, then those of all; return what that needed."""
    strategies = list_strategies(parts)
    compute_growth(read_curves(folder, 1, 1), strategies)
    start_mb = resident_mb()
    compute_growth(read_curves(folder, parts, repeated), strategies)
    return {"start_mb": start_mb, "growth_mb": peak_mb() - start_mb}


if __name__ == "__main__":
    folder, parts, repeated = sys.argv[1:]
    sys.stdout.write(json.dumps(measure(folder, int(parts), int(repeated))) + "\n")
