"""How much faster is a run whose results are stored already?

20 symbols under the nine strategies, in a universe of 110 with three years of daily bars, as real
Dagster runs of the assets `backtests/*` and `backtest_summaries` on stored prices; each round is a
process of its own, with nothing stored of its results. Passes, one after the other: cold, the same
again, other parameters of every strategy, and the first once more without the cache. A pass is
timed inside the step of the backtests: from the moment that it knows which prices there are
(Dagster's event log answers that in 10 ms) until its rows, trades and curves are written and its
own measurements are done: the universe, loading, the engine, the tables and files, the audit and
scaling. Counted is the processor's time of the process and of the database's server. The process of
the first pass is cold: libraries are imported in it, which no cache spares; "ignoring the cache" is
the same work without that, and so what the cache alone saves. A cached pass computes one symbol of
each batch again and compares it with what is stored, a fifth of its time here; and it compares all
that it uses with their digests.

The baseline is `joblib.Memory` around `run_batch` on the same bars, which is given less to do: it
has no universe, no audit, and writes no files. Its speed-up is from a computed pass to a cached one
in the same process.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.benchmark import Benchmark, Options, main
from benchmarks.harness import CONSOLE
from benchmarks.report import Report, Table, Verdict

COLD, AGAIN, OTHER, FORCED = "cold", "same again", "other parameters", "same, ignoring the cache"


def run(options: Options) -> Report:
    """Judge the speed-up and the hit rates."""
    # Not removed by a block: the database's server lives until this process ends.
    folder = tempfile.mkdtemp(prefix="gauntlet-benchmark-")
    symbols = 4 if options.quick else 20
    _run_worker(folder, symbols, "prepare")
    rounds: list[dict[str, Any]] = []
    for number in range(options.rounds):
        CONSOLE.print(f"round {number + 1} of {options.rounds}", style="dim")
        rounds.append(_run_worker(folder, symbols, f"round-{number}"))
    return _report(rounds, options)


def _run_worker(folder: str, symbols: int, name: str) -> dict[str, Any]:
    command = [
        sys.executable,
        "-m",
        "benchmarks.store.result_cache_worker",
        folder,
        str(symbols),
        name,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the worker failed: {done.stderr[-2000:]}")
    answer = Path(folder) / f"{name}.json"
    return json.loads(answer.read_text())


def _report(rounds: list[dict[str, Any]], options: Options) -> Report:
    passes = [one["passes"] for one in rounds]
    baseline = median(one["joblib_computed"] / one["joblib_known"] for one in rounds)
    cold, forced = _times(passes, COLD), _times(passes, FORCED)
    judged = (
        ("Speed of the second pass, times the first's", cold, "times_cold", None),
        (
            "Speed of a cached pass, times an uncached one's in a warm process",
            forced,
            "times_forced",
            20,
        ),
        ("That speed-up, times joblib.Memory's", forced / baseline, "times_joblib", None),
    )
    report = Report(tables=[_table_of_passes(passes), _table_of_baseline(rounds, baseline)])
    for what, measured, limit, aim in judged:
        verdict = Verdict(what, measured, "at least", options.limits[limit], "x", aim)
        report.verdicts.append(verdict)
    again, other = _hit_rate(passes, AGAIN), _hit_rate(passes, OTHER)
    report.verdicts.append(Verdict("Hit rate of the second pass", again, "at least", 100.0, "%"))
    report.verdicts.append(Verdict("Hit rate with other parameters", other, "at most", 0.0, "%"))
    return report


def _times(passes: list[dict[str, Any]], slow: str) -> float:
    return median(one[slow]["seconds"] / one[AGAIN]["seconds"] for one in passes)


def _hit_rate(passes: list[dict[str, Any]], which: str) -> float:
    hits, misses = (sum(one[which][name] for one in passes) for name in ("hits", "misses"))
    return 100 * hits / (hits + misses)


def _table_of_passes(passes: list[dict[str, Any]]) -> Table:
    rows = [
        [
            name,
            f"{1e3 * median(one[name]['seconds'] for one in passes):.0f}",
            f"{_times(passes, name):.1f}",
            f"{passes[0][name]['hits']}",
            f"{passes[0][name]['misses']}",
        ]
        for name in (COLD, AGAIN, OTHER, FORCED)
    ]
    columns = ["Pass", "ms", "times same again", "hits", "misses"]
    return Table("Inside the step", columns, rows)


def _table_of_baseline(rounds: list[dict[str, Any]], baseline: float) -> Table:
    contenders = {"joblib_computed": "run_batch and reading", "joblib_known": "the same, cached"}
    rows = [
        [label, f"{1e3 * median(one[key] for one in rounds):.0f}"]
        for key, label in contenders.items()
    ]
    return Table(f"joblib.Memory, {baseline:.1f} times as fast when cached", ["Pass", "ms"], rows)


BENCHMARK = Benchmark(
    "result_cache",
    __doc__ or "",
    {"times_cold": 5.0, "times_forced": 3.3, "times_joblib": 1.0},
    run,
    "store",
)

if __name__ == "__main__":
    sys.exit(main(BENCHMARK))
