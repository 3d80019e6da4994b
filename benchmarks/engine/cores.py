"""What does a second core give?

`VectorBTEngine(workers=2)` against `workers=1` on 1,000 symbols x 2,520 bars x 9 strategies, with
its processes already started; the first, cold run, which starts them, is shown too. A small
universe (110 x 252 x 9) must not pay for the pool: it runs on an engine that may start processes,
and must not start any. Not judged on a single core.
"""

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from multiprocessing import active_children
from statistics import median

import psutil

from benchmarks.benchmark import Benchmark, Options, main
from benchmarks.harness import CONSOLE, Timings, interleave, seconds_of
from benchmarks.machine import cores
from benchmarks.report import Report, Table, Verdict
from benchmarks.universe import WINDOW, nine_strategies, universe
from engine.backtest import VectorBTEngine
from engine.history import History

ONE = "workers=1"
TWO = "workers=2"


# A run takes seconds, and its noise is small beside them.
_MOST_ROUNDS = 5

# A run of the small universe takes 0.05 s, and its limit allows a tenth of that as noise.
_SMALL_ROUNDS = 3


def run(options: Options) -> Report:
    """Compare on the large universe and on the small one."""
    large, small = ((30, 252), (5, 252)) if options.quick else ((1000, 2520), (110, 252))
    report = Report()
    _small(*small, options, report)
    _large(*large, options, report)
    return report


def _large(symbols: int, bars: int, options: Options, report: Report) -> None:
    what = f"Speed of two workers, times that of one ({symbols:,} x {bars:,} x 9)"
    limit = options.limits["times_one"]
    if options.quick or cores() == 1:
        reason = "too small for two processes" if options.quick else "this machine has one core"
        report.verdicts.append(Verdict(what, None, "at least", limit, "x", why_not=reason))
        return
    with VectorBTEngine(workers=2) as engine:
        two = _Run(engine, universe(symbols, bars))
        one = _Run(VectorBTEngine(), two.histories)
        CONSOLE.print("First run, cold")
        cold = seconds_of(two)
        timings = _timings(one, two, min(options.rounds, _MOST_ROUNDS))
        started = len(active_children())
    report.verdicts.append(Verdict(what, timings.times_as_fast(TWO, ONE), "at least", limit, "x"))
    title = f"{symbols:,} symbols x {bars:,} bars x 9, this process and {started} more"
    report.tables.append(_table(title, timings, {ONE: one, TWO: two}))
    report.remarks.append(
        f"The first run with two workers, which starts the second process, took {cold:.2f} s. "
        "A run cannot be faster than the larger of the two processor times."
    )


def _small(symbols: int, bars: int, options: Options, report: Report) -> None:
    with VectorBTEngine(workers=2) as engine:
        two = _Run(engine, universe(symbols, bars))
        one = _Run(VectorBTEngine(), two.histories)
        timings = _timings(one, two, _SMALL_ROUNDS * options.rounds)
        started = len(active_children())
    limit = options.limits["times_small"]
    size = f"({symbols:,} x {bars:,} x 9)"
    report.verdicts.extend(
        [
            Verdict(
                f"Time of a small universe with two workers allowed, times that with one {size}",
                timings.ratio(TWO, ONE),
                "at most",
                limit,
                "x",
            ),
            Verdict(
                f"Processes started for a small universe {size}",
                started,
                "at most",
                options.limits["small_processes"],
            ),
        ]
    )
    title = f"{symbols:,} symbols x {bars:,} bars x 9"
    report.tables.append(_table(title, timings, {ONE: one, TWO: two}))


def _timings(one: "_Run", two: "_Run", rounds: int) -> Timings:
    title = f"{len(two.histories):,} symbols on one and two workers"
    return interleave(title, {ONE: one, TWO: two}, rounds)


@dataclass(frozen=True)
class _Run:
    """A batch on one engine; each run records its processor time, in this process and the pool."""

    engine: VectorBTEngine
    histories: list[History]
    spent: list[tuple[float, float]] = field(default_factory=list)

    def __call__(self) -> None:
        before = _processor_seconds()
        for outcome in self.engine.run_batches(self.histories, nine_strategies(), WINDOW):
            for result in outcome.results:
                _ = result.metrics, result.trades
        after = _processor_seconds()
        self.spent.append((after[0] - before[0], after[1] - before[1]))


def _processor_seconds() -> tuple[float, float]:
    """Return the processor time of this process and of the pool so far."""
    others = [psutil.Process(child.pid).cpu_times() for child in active_children()]
    return time.process_time(), sum(times.user + times.system for times in others)


def _table(title: str, timings: Timings, runs: Mapping[str, _Run]) -> Table:
    rows = [
        [
            name,
            f"{timings.median(name):.3f}",
            f"{timings.times_as_fast(name, ONE):.2f}",
            f"{timings.spread(name):.0%}",
            # The last runs, without the cold one and the warm-up.
            *(f"{median(spent[-timings.rounds :]):.3f}" for spent in zip(*run.spent, strict=True)),
        ]
        for name, run in runs.items()
    ]
    columns = [
        "Engine",
        "s",
        "times the speed of one",
        "spread",
        "processor s here",
        "in the other",
    ]
    return Table(title, columns, rows)


BENCHMARK = Benchmark(
    "cores", __doc__ or "", {"times_one": 1.7, "times_small": 1.1, "small_processes": 0.0}, run
)

if __name__ == "__main__":
    sys.exit(main(BENCHMARK))
