"""Do the points of a sweep share what they have in common?

`sweep` over sma_cross's full ranges against the plain batch of its default parameters, 110 symbols
x 756 bars, in backtests a second: a point of a sweep must not be much dearer than one alone. The
other strategies' sweeps are shown beside their own plain batches, and are not judged.
"""

import sys

from benchmarks.benchmark import Benchmark, Options, main
from benchmarks.harness import Timings, interleave
from benchmarks.report import Report, Table, Verdict
from benchmarks.universe import NINE, WINDOW, universe
from engine.backtest import VectorBTEngine
from engine.history import History
from engine.results import BatchOutcome
from research.parameter_grid import build_grid, sweep
from strategies.registry import get_strategy

JUDGED = "sma_cross"

SWEEP = "sweep"
BATCH = "batch"


def run(options: Options) -> Report:
    """Judge the sweep of sma_cross, and show the others."""
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
        f"Backtests a second of sma_cross's sweep, times the plain batch's ({symbols} x {bars})",
        _speed(JUDGED, several[JUDGED]),
        "at least",
        options.limits["times_batch"],
        "x",
    )
    rows = [_row(name, timings, symbols) for name, timings in several.items()]
    columns = ["Strategy", "Points", "sweep, us a backtest", "batch, us a backtest", "times batch"]
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
    """Return the sweep's backtests a second in those of the batch."""
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
