"""Do the points of a sweep share common work?

`sweep` over the full ranges of each strategy against a plain batch with its default parameters,
on 110 symbols x 756 bars, in backtests per second. The caller of a sweep ranks its points by a
table of six metrics; the caller of a batch reads every result, all metrics as dicts and the
trades. Judged are sma_cross, and all 312 points of the nine strategies together as a table against
the same points read as results, for which each metric is computed.
"""

import sys
from collections.abc import Sequence

from benchmarks.benchmark import Benchmark, Options, main
from benchmarks.harness import Timings, interleave
from benchmarks.report import Report, Table, Verdict
from benchmarks.universe import NINE, WINDOW, universe
from engine.backtest import VectorBTEngine
from engine.history import History
from engine.optimization import SHOWN
from engine.parameter_grid import build_grid, sweep
from engine.results import BacktestResult
from strategies.registry import get_strategy

JUDGED = "sma_cross"

SWEEP = "sweep, a table of six metrics"
READ = "sweep, every result read"
BATCH = "batch, every result read"


def run(options: Options) -> Report:
    """Compare the sweeps with their limits."""
    symbols, bars = (4, 252) if options.quick else (110, 756)
    histories = universe(symbols, bars)
    names = (JUDGED, "rsi") if options.quick else NINE
    several = {
        name: _timings(
            name, histories, options.rounds if name == JUDGED else min(3, options.rounds)
        )
        for name in names
    }
    size = f"{symbols} x {bars}"
    points = sum(map(_points, names))
    spent = {way: sum(one.median(way) for one in several.values()) for way in (SWEEP, READ)}
    verdicts = [
        Verdict(
            f"Backtests per second of sma_cross's sweep, times a plain batch's ({size})",
            _speed(JUDGED, several[JUDGED]),
            "at least",
            options.limits["times_batch"],
            "x",
        ),
        Verdict(
            f"Time of {points} points as a table, times that of reading every result ({size})",
            spent[SWEEP] / spent[READ],
            "at most",
            options.limits["times_read"],
            "x",
        ),
    ]
    rows = [_row(name, timings, symbols) for name, timings in several.items()]
    rows.append(
        [
            "all",
            str(points),
            *(f"{each / symbols / points * 1e6:,.0f}" for each in spent.values()),
            "",
            "",
        ]
    )
    columns = ["Strategy", "Points", "as a table", "read", "batch", "times batch"]
    title = f"{symbols} symbols x {bars} bars, us per backtest"
    return Report(verdicts, [Table(title, columns, rows)])


def _timings(name: str, histories: list[History], rounds: int) -> Timings:
    engine = VectorBTEngine()
    alone = get_strategy(name)()
    contenders = {
        SWEEP: lambda: sweep(engine, histories, name, WINDOW).table(SHOWN),
        READ: lambda: _read(sweep(engine, histories, name, WINDOW).results),
        BATCH: lambda: _read(engine.run_batch(histories, alone, WINDOW).results),
    }
    return interleave(name, contenders, rounds)


def _read(results: Sequence[BacktestResult]) -> None:
    for result in results:
        _ = result.metrics, result.trades


def _speed(name: str, timings: Timings) -> float:
    """Return the sweep's backtests per second as a multiple of the batch's."""
    return timings.times_as_fast(SWEEP, BATCH) * _points(name)


def _points(name: str) -> int:
    return len(build_grid(name).strategies)


def _row(name: str, timings: Timings, symbols: int) -> list[str]:
    points = _points(name)
    swept = [f"{timings.median(way) / symbols / points * 1e6:,.0f}" for way in (SWEEP, READ)]
    batch = f"{timings.median(BATCH) / symbols * 1e6:,.0f}"
    return [name, str(points), *swept, batch, f"{_speed(name, timings):.2f}"]


BENCHMARK = Benchmark("sweep", __doc__ or "", {"times_batch": 3.0, "times_read": 0.65}, run)

if __name__ == "__main__":
    sys.exit(main(BENCHMARK))
