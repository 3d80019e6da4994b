"""How much faster is a run whose results are known already?

20 symbols under the nine strategies, in a universe of 110 with three years of daily bars, as real
Dagster runs of the assets `backtests/*` on stored prices; each round is a process of its own, with
an empty cache. Passes, one after the other: cold, the same again, other parameters of every
strategy, and the first once more by force. A pass is timed inside the step: from the moment that it
knows which prices there are (which Dagster's event log is asked, 10 ms for either) until its rows,
trades and curves are written and its own measurements are done: the universe, loading, the engine,
the tables and files, and the probes of integrity and scaling. The process of the first pass is
cold: libraries are imported and the exchange's calendar is built in it, which no cache of results
spares; "by force" is the same work without that, and so what the cache alone saves.

The rival is `joblib.Memory` around `run_batch` on the same bars, which is given less to do: it has
no universe, no probes, and writes no files. Its speed-up is from a computed pass to a known one in
the same process.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.harness import CONSOLE
from benchmarks.question import Options, Question, main
from benchmarks.report import Report, Table, Verdict

COLD, AGAIN, OTHER, FORCED = "cold", "same again", "other parameters", "same, by force"


def ask(options: Options) -> Report:
    """Judge the speed-up and the hit rates."""
    # Not removed by a block: the database's server lives until this process ends.
    folder = tempfile.mkdtemp(prefix="gauntlet-benchmark-")
    symbols = 4 if options.quick else 20
    _probe(folder, symbols, "prepare")
    rounds: list[dict[str, Any]] = []
    for number in range(options.rounds):
        CONSOLE.print(f"round {number + 1} of {options.rounds}", style="dim")
        rounds.append(_probe(folder, symbols, f"round-{number}"))
    return _report(rounds, options)


def _probe(folder: str, symbols: int, name: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.store.passes_probe", folder, str(symbols), name]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the probe failed: {done.stderr[-2000:]}")
    answer = Path(folder) / f"{name}.json"
    return json.loads(answer.read_text())


def _report(rounds: list[dict[str, Any]], options: Options) -> Report:
    passes = [one["passes"] for one in rounds]
    rival = median(one["joblib_computed"] / one["joblib_known"] for one in rounds)
    limits, report = options.limits, Report()

    def times(slow: str) -> float:
        return median(one[slow]["seconds"] / one[AGAIN]["seconds"] for one in passes)

    def rate(which: str) -> float:
        hits = sum(one[which]["hits"] for one in passes)
        return 100 * hits / sum(one[which]["hits"] + one[which]["misses"] for one in passes)

    report.verdicts.extend(
        [
            Verdict(
                "Speed of the second pass, times the first's",
                times(COLD),
                "at least",
                limits["times_cold"],
                "x",
            ),
            Verdict(
                "Speed of a known pass, times a forced one's in a warm process",
                times(FORCED),
                "at least",
                limits["times_forced"],
                "x",
                aim=20.0,
            ),
            Verdict(
                "That speed-up, times joblib.Memory's",
                times(FORCED) / rival,
                "at least",
                limits["times_joblib"],
                "x",
            ),
            Verdict("Hit rate of the second pass", rate(AGAIN), "at least", 100.0, "%"),
            Verdict("Hit rate with other parameters", rate(OTHER), "at most", 0.0, "%"),
        ]
    )
    rows = [
        [
            name,
            f"{1e3 * median(one[name]['seconds'] for one in passes):.0f}",
            f"{1e3 * median(one[name]['asking'] for one in passes):.0f}",
            f"{median(one[name]['seconds'] / one[AGAIN]['seconds'] for one in passes):.1f}",
            f"{passes[0][name]['hits']}",
            f"{passes[0][name]['misses']}",
        ]
        for name in (COLD, AGAIN, OTHER, FORCED)
    ]
    columns = ["Pass", "ms", "ms of asking Dagster, beside", "times same again", "hits", "misses"]
    report.tables.append(Table("Inside the step", columns, rows))
    known = [
        [label, f"{1e3 * median(one[key] for one in rounds):.0f}"]
        for label, key in (
            ("run_batch and reading it, computed", "joblib_computed"),
            ("the same, known", "joblib_known"),
        )
    ]
    report.tables.append(Table(f"joblib.Memory: {rival:.1f} times as fast", ["Pass", "ms"], known))
    return report


QUESTION = Question(
    "passes",
    __doc__ or "",
    {"times_cold": 20.0, "times_forced": 8.0, "times_joblib": 1.0},
    ask,
    "store",
)

if __name__ == "__main__":
    sys.exit(main(QUESTION))
