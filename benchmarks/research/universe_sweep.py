"""What does a sweep of a whole universe take?

All 312 points of the nine strategies on 110 symbols x 756 bars in one pass: a dozen metrics of each
point on each symbol and the curve of each point over the universe, as Parquet files. Recording all
trials in the ledger is timed beside it, in an embedded PostgreSQL with its default durability; its
processor's time counts. Growth in symbols and in points is the exponent of time by least squares on
logarithms: 1 is proportional. Memory is the peak of a fresh process that sweeps 1,000 points on
1,000 symbols.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np

from benchmarks.benchmark import Benchmark, Options, main
from benchmarks.clock import cpu_seconds_with, postgres_process
from benchmarks.engine.growth import exponent
from benchmarks.harness import CONSOLE, interleave
from benchmarks.report import Curve, Report, Table, Verdict
from benchmarks.research.sweeping import SCOPE, build_trials, sweep_to_files
from benchmarks.universe import NINE, universe
from engine.parameter_grid import build_grid
from research.purpose import Purpose
from research.trials import TrialScope
from research.universe_curves import UniverseCurves
from resources.result_store.embedded import data_folder
from resources.result_store.manager import BacktestPersistenceManager
from resources.result_store.resource import ResultStore
from strategies.base import Strategy

SWEEP, RECORD = "sweep, curves and Parquet", "recording of its trials"

_ROOT = Path(__file__).parents[2]
_MOST_ROUNDS = 3


def run(options: Options) -> Report:
    """Time a sweep and the recording of its trials, its growth and its memory."""
    symbols, bars = (6, 252) if options.quick else (110, 756)
    names = ("sma_cross", "macd") if options.quick else NINE
    points = {name: build_grid(name).strategies for name in names}
    with tempfile.TemporaryDirectory() as folder:
        report = _time(points, (symbols, bars), options, folder)
        for curve in _grow(points, (symbols, bars), options, folder):
            what = f"Exponent of time in {curve.size}, {curve.sizes[0]} to {curve.sizes[-1]}"
            limit = options.limits["exponent"]
            report.verdicts.append(Verdict(what, curve.exponent, "at most", limit))
            measured = zip(curve.sizes, curve.seconds, strict=True)
            rows = [[f"{size:,}", f"{time:.3f}"] for size, time in measured]
            report.tables.append(Table(f"Time in {curve.size}", [curve.size, "s"], rows))
            report.curves.append(curve)
    many = (40, 20) if options.quick else (1000, 1000)
    peak = _measure_memory(*many)
    what = f"Peak resident memory, {many[0]:,} points x {many[1]:,} symbols x 756 bars"
    limit = options.limits["memory_mb"]
    report.verdicts.append(Verdict(what, peak, "at most", limit, "MB"))
    return report


def _time(
    points: Mapping[str, Sequence[Strategy]],
    size: tuple[int, int],
    options: Options,
    folder: str,
) -> Report:
    histories, number = universe(*size), count()
    curves = sweep_to_files(histories, points, folder)
    # Not removed by the block: the server lives until this process ends, and cleans up then.
    home = tempfile.mkdtemp(prefix="gauntlet-benchmark-")
    manager = ResultStore(home=home).manager()
    contenders = {
        SWEEP: lambda: sweep_to_files(histories, points, folder),
        RECORD: lambda: _record(manager, curves, next(number)),
    }
    clock = cpu_seconds_with(postgres_process(data_folder(Path(home))))
    timings = interleave("a sweep", contenders, min(options.rounds, _MOST_ROUNDS), clock)
    tried = sum(map(len, points.values()))
    what = f"{tried} points x {size[0]} symbols x {size[1]} bars"
    share = timings.ratio(RECORD, SWEEP)
    verdicts = [
        Verdict(
            f"{what}: metrics, curves and files",
            timings.median(SWEEP),
            "at most",
            options.limits["seconds"],
            "s",
        ),
        Verdict(
            f"Time of recording all {tried} trials, as a share of the sweep's",
            100.0 * share,
            "at most",
            options.limits["recording_percent"],
            "%",
        ),
    ]
    rows = [[name, f"{timings.median(name):.3f}"] for name in contenders]
    return Report(verdicts, [Table(what, ["", "s"], rows)])


def _record(
    manager: BacktestPersistenceManager, curves: Mapping[str, UniverseCurves], number: int
) -> None:
    """Record trials that the ledger does not have yet: those of another scope."""
    trials, scope = build_trials(curves)
    other: TrialScope = replace(scope, settings={**SCOPE.settings, "round": number})
    recorded = manager.record_trials(other, trials, purpose=Purpose.SWEEP)
    if recorded != len(trials):
        raise RuntimeError(f"{recorded} of {len(trials)} trials were new.")


def _grow(
    points: Mapping[str, Sequence[Strategy]],
    size: tuple[int, int],
    options: Options,
    folder: str,
) -> list[Curve]:
    symbols = (2, 4, 6) if options.quick else (50, 100, 200, 400)
    shares = (0.25, 0.5, 1.0)
    everyone = universe(symbols[-1], size[1])
    few = {"sma_cross": points["sma_cross"]}
    by_symbols = {
        number: (lambda number=number: sweep_to_files(everyone[:number], few, folder))
        for number in symbols
    }
    some = universe(symbols[0], size[1])
    parts = [_select(points, share) for share in shares]
    by_points = {
        sum(map(len, part.values())): (lambda part=part: sweep_to_files(some, part, folder))
        for part in parts
    }
    found = []
    for what, contenders in (("symbols", by_symbols), ("points", by_points)):
        named = {f"{number:,} {what}": one for number, one in contenders.items()}
        timings = interleave(f"growth in {what}", named, min(options.rounds, _MOST_ROUNDS))
        seconds = [timings.median(name) for name in named]
        found.append(Curve(what, list(contenders), seconds, exponent(list(contenders), seconds)))
    return found


def _select(
    points: Mapping[str, Sequence[Strategy]], share: float
) -> dict[str, Sequence[Strategy]]:
    """Return a share of each strategy's points, spread over its grid."""
    chosen: dict[str, Sequence[Strategy]] = {}
    for name, some in points.items():
        places = np.linspace(0, len(some) - 1, round(share * len(some)), dtype=int)
        chosen[name] = [some[place] for place in places]
    return chosen


def _measure_memory(points: int, symbols: int) -> float:
    """Return the peak resident memory of a fresh process, in MB."""
    CONSOLE.print(f"{points:,} points x {symbols:,} symbols in a process; this takes a while.")
    command = [sys.executable, "-m", "benchmarks.research.sweeping", str(points), str(symbols)]
    done = subprocess.run(command, cwd=_ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)["peak_mb"]


BENCHMARK = Benchmark(
    "universe_sweep",
    __doc__ or "",
    {"seconds": 4.0, "recording_percent": 5.0, "exponent": 1.05, "memory_mb": 1500.0},
    run,
    "research",
)

if __name__ == "__main__":
    sys.exit(main(BENCHMARK))
