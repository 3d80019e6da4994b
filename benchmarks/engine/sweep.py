"""Do the points of a sweep share common work?

`sweep` over the full ranges of sma_cross against a plain batch with its default parameters, 110
symbols x 756 bars, in backtests per second: a point of a sweep must not cost much more than a
single backtest. The sweeps of the other strategies are shown next to their own plain batches,
without a limit.
"""

import sys

from benchmarks.benchmark import Benchmark, Options, main
from benchmarks.harness import Timings, interleave
from benchmarks.report import Report, Table, Verdict
from benchmarks.universe import NINE, WINDOW, universe
from engine.backtest import VectorBTEngine
from engine.history import History
from engine.parameter_grid import build_grid, sweep
from engine.results import BatchOutcome
from strategies.registry import get_strategy

JUDGED = "sma_cross"

SWEEP = "sweep"
BATCH = "batch"


def run(options: Options) -> Report:
    """Compare the sweep of sma_cross with its limit, and show the others."""
    symbols, bars = (4, 252) if options.quick else (110, 756)
    histories = universe(symbols, bars)
    names = (JUDGED, "rsi") if options.quick else NINE
    several = {
        name: _timings(
            name, histories, options.rounds if name == JUDGED else min(3, options.rounds)
        )
        for name in names
    }
    verdict = Verdict(
        f"Backtests per second of sma_cross's sweep, times a plain batch's ({symbols} x {bars})",
        _speed(JUDGED, several[JUDGED]),
        "at least",
        options.limits["times_batch"],
        "x",
    )
    rows = [_row(name, timings, symbols) for name, timings in several.items()]
    columns = [
        "Strategy",
        "Points",
        "sweep, us per backtest",
        "batch, us per backtest",
        "times batch",
    ]
    return Report([verdict], [Table(f"{symbols} symbols x {bars} bars", columns, rows)])


def _timings(name: str, histories: list[History], rounds: int) -> Timings:
    engine = VectorBTEngine()
    alone = get_strategy(name)()
    contenders = {
        SWEEP: lambda: _read(sweep(engine, histories, name, WINDOW)),
        BATCH: lambda: _read(engine.run_batch(histories, alone, WINDOW)),
    }
    return interleave(name, contenders, rounds)


def _read(outcome: BatchOutcome) -> None:
    for result in outcome.results:
        _ = result.metrics, result.trades


def _speed(name: str, timings: Timings) -> float:
    """Return the sweep's backtests per second as a multiple of the batch's."""
    return timings.times_as_fast(SWEEP, BATCH) * _points(name)


def _points(name: str) -> int:
    return len(build_grid(name).strategies)


def _row(name: str, timings: Timings, symbols: int) -> list[str]:
    points = _points(name)
    return [
        name,
        str(points),
        f"{timings.median(SWEEP) / symbols / points * 1e6:,.0f}",
        f"{timings.median(BATCH) / symbols * 1e6:,.0f}",
        f"{_speed(name, timings):.2f}",
    ]


BENCHMARK = Benchmark("sweep", __doc__ or "", {"times_batch": 0.8}, run)

if __name__ == "__main__":
    sys.exit(main(BENCHMARK))
