"""How much faster than vectorbt's public API is the engine?

The same columns, the same precomputed signals, fees and slippage. vectorbt simulates with
`Portfolio.from_signals(engine="rust")`; its accessors compute every metric that both have, and its
trade records are read. It gets all symbols at once and, for the larger universe, in parts of 200
columns, which fit its caches better; the faster of the two is the baseline. The engine runs
`run_batch`, and the metrics of every result (all of them, more than vectorbt has) and its trades
are read. Before anything is timed, metrics and trades are compared, to 1e-9.
"""

import sys
from functools import partial

from benchmarks.benchmark import Benchmark, Options, main
from benchmarks.harness import Timings, interleave
from benchmarks.replay import Replay
from benchmarks.report import Report, Table, Verdict
from benchmarks.universe import WINDOW, universe
from benchmarks.vectorbt_portfolio import Frames, require_agreement, summary
from engine.backtest import VectorBTEngine
from engine.history import History
from engine.results import BacktestResult
from strategies.base import Strategy
from strategies.sma_cross import SmaCross

AIM = 6.0

OWN = "engine"
OWN_SIGNALS = "engine, signals computed too"
AT_ONCE = "vectorbt, one call"
IN_PARTS = "vectorbt, 200 columns per call"

_PART = 200


def run(options: Options) -> Report:
    """Compare on a small and on a large universe."""
    sizes = [(20, 252), (40, 252)] if options.quick else [(100, 756), (1000, 2520)]
    report = Report()
    for symbols, bars in sizes:
        metrics, timings = _timings(symbols, bars, options)
        baseline = timings.fastest(
            *(name for name in (AT_ONCE, IN_PARTS) if name in timings.seconds)
        )
        report.tables.append(_table(symbols, bars, timings, baseline))
        report.verdicts.append(
            Verdict(
                f"Backtests/s, times vectorbt's ({symbols:,} x {bars:,}, {metrics} metrics)",
                timings.times_as_fast(OWN, baseline),
                "at least",
                options.limits["times_vectorbt"],
                "x",
                aim=AIM,
            )
        )
    return report


def run_and_read(
    histories: list[History], strategy: Strategy, engine: VectorBTEngine
) -> list[BacktestResult]:
    """Run a batch and read everything that a caller would."""
    results = engine.run_batch(histories, strategy, WINDOW).results
    for result in results:
        _ = result.metrics, result.trades
    return results


def _timings(symbols: int, bars: int, options: Options) -> tuple[int, Timings]:
    histories, engine = universe(symbols, bars), VectorBTEngine()
    replay = Replay.of(SmaCross(), histories)
    frames = Frames.of(histories, SmaCross())
    metrics = require_agreement(frames, run_and_read(histories, replay, engine))
    contenders = {
        OWN: partial(run_and_read, histories, replay, engine),
        AT_ONCE: partial(summary, frames),
        OWN_SIGNALS: partial(run_and_read, histories, SmaCross(), engine),
    }
    if symbols > _PART:
        contenders[IN_PARTS] = partial(_in_parts, frames)
    # A run of 10 ms is easily disturbed.
    rounds = options.rounds if symbols > _PART else 3 * options.rounds
    return metrics, interleave(f"{symbols:,} x {bars:,}", contenders, rounds)


def _in_parts(frames: Frames) -> list[object]:
    return [summary(part) for part in frames.columns(_PART)]


def _table(symbols: int, bars: int, timings: Timings, baseline: str) -> Table:
    rows = [
        [
            name,
            f"{timings.median(name) * 1e3:,.1f}",
            f"{timings.median(name) / symbols * 1e6:,.0f}",
            f"{symbols / timings.median(name):,.0f}",
            f"{timings.times_as_fast(name, baseline):.2f}",
            f"{timings.spread(name):.0%}",
        ]
        for name in timings.seconds
    ]
    columns = ["Contender", "ms", "us per backtest", "backtests/s", f"times {baseline}", "spread"]
    return Table(f"{symbols:,} symbols x {bars:,} bars, sma_cross", columns, rows)


BENCHMARK = Benchmark("vectorbt_baseline", __doc__ or "", {"times_vectorbt": 3.0}, run)

if __name__ == "__main__":
    sys.exit(main(BENCHMARK))
