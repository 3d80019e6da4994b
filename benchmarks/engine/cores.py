"""What does a second core give?

`VectorBTEngine(workers=2)` against `workers=1` on 1,000 symbols x 2,520 bars x 9 strategies, its
processes already there; the first, cold run with their start is told beside it. A small universe
(110 x 252 x 9) must not pay for the pool: it is run on an engine that may start one, and must not.
Not judged where there is one core.
"""

import sys
from functools import partial
from multiprocessing import active_children

from benchmarks.harness import CONSOLE, Timings, interleave, seconds_of
from benchmarks.machine import cores
from benchmarks.question import Options, Question, main
from benchmarks.report import Report, Table, Verdict
from benchmarks.universe import WINDOW, nine_strategies, universe
from engine.backtest import VectorBTEngine
from engine.history import History

ONE = "workers=1"
TWO = "workers=2"


# A run takes seconds, and its noise is small beside them.
_MOST_ROUNDS = 5


def ask(options: Options) -> Report:
    """Judge the large universe and the small one."""
    large, small = ((30, 252), (5, 252)) if options.quick else ((1000, 2520), (110, 252))
    report = Report()
    _small(*small, options, report)
    _large(*large, options, report)
    return report


def _large(symbols: int, bars: int, options: Options, report: Report) -> None:
    what = f"Speed of two workers, times one's ({symbols:,} x {bars:,} x 9)"
    limit = options.limits["times_one"]
    if options.quick or cores() == 1:
        reason = "too small for processes" if options.quick else "this machine has one core"
        report.verdicts.append(Verdict(what, None, "at least", limit, "x", why_not=reason))
        return
    histories = universe(symbols, bars)
    with VectorBTEngine(workers=2) as two:
        CONSOLE.print("First run, cold")
        cold = seconds_of(partial(_run, two, histories))
        timings = _timings(two, histories, min(options.rounds, _MOST_ROUNDS))
        started = len(active_children())
    report.verdicts.append(Verdict(what, timings.times_as_fast(TWO, ONE), "at least", limit, "x"))
    report.tables.append(
        _table(
            f"{symbols:,} symbols x {bars:,} bars x 9, this process and {started} more",
            timings,
            cold,
        )
    )


def _small(symbols: int, bars: int, options: Options, report: Report) -> None:
    histories = universe(symbols, bars)
    with VectorBTEngine(workers=2) as two:
        timings = _timings(two, histories, options.rounds)
        started = len(active_children())
    limit = options.limits["times_small"]
    size = f"({symbols:,} x {bars:,} x 9)"
    report.verdicts.extend(
        [
            Verdict(
                f"Time of a small universe that may use two workers, times one's {size}",
                timings.ratio(TWO, ONE),
                "at most",
                limit,
                "x",
            ),
            Verdict(
                f"Processes that a small universe starts {size}",
                started,
                "at most",
                options.limits["small_processes"],
            ),
        ]
    )
    report.tables.append(_table(f"{symbols:,} symbols x {bars:,} bars x 9", timings))


def _timings(two: VectorBTEngine, histories: list[History], rounds: int) -> Timings:
    contenders = {
        ONE: partial(_run, VectorBTEngine(), histories),
        TWO: partial(_run, two, histories),
    }
    return interleave(f"{len(histories):,} symbols on one and two workers", contenders, rounds)


def _run(engine: VectorBTEngine, histories: list[History]) -> None:
    for outcome in engine.run_batches(histories, nine_strategies(), WINDOW):
        for result in outcome.results:
            _ = result.metrics, result.trades


def _table(title: str, timings: Timings, cold: float | None = None) -> Table:
    rows = [
        [
            name,
            f"{timings.median(name):.3f}",
            f"{timings.times_as_fast(name, ONE):.2f}",
            f"{timings.spread(name):.0%}",
        ]
        for name in timings.seconds
    ]
    if cold is not None:
        rows.append([f"{TWO}, first run, cold", f"{cold:.3f}", "", ""])
    return Table(title, ["Engine", "s", "times one's speed", "spread"], rows)


QUESTION = Question(
    "cores", __doc__ or "", {"times_one": 1.7, "times_small": 1.1, "small_processes": 0.0}, ask
)

if __name__ == "__main__":
    sys.exit(main(QUESTION))
