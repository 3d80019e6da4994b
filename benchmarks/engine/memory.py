"""How much memory does a large universe need?

10,000 symbols x 2,520 bars x 9 strategies through `run_batches`, in a fresh process. Each symbol's
bars are generated when the engine asks for them, and each outcome is read and released. Growth is
the peak resident memory of the process minus its resident memory after a first small batch. The
same for sweeps: all 312 points of the nine strategies on 10,000 symbols x 756 bars, each strategy's
as a table of six metrics; judged is the peak itself. Also compared: metrics and trades of a ragged
universe, to the bit, with memory budgets of 100 KB and 1 GB per block.
"""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

from benchmarks.benchmark import Benchmark, Options, main
from benchmarks.harness import CONSOLE
from benchmarks.report import Report, Table, Verdict
from benchmarks.universe import WINDOW, history, nine_strategies
from engine.backtest import VectorBTEngine

BUDGETS = (100_000, 32_000_000, 1_000_000_000)

_ROOT = Path(__file__).parents[2]


def run(options: Options) -> Report:
    """Run the large universe in its own process, and a small one with each memory budget."""
    symbols, bars = (100, 504) if options.quick else (10_000, 2520)
    found = _run_worker(symbols, bars)
    swept = _run_worker(symbols, min(bars, 756), "sweep")
    digests = {budget: _digest(budget, 10 if options.quick else 60) for budget in BUDGETS}
    return Report(
        [
            Verdict(
                f"Growth of resident memory, {symbols:,} x {bars:,} x 9",
                found["peak_mb"] - found["start_mb"],
                "below",
                options.limits["growth_mb"],
                "MB",
            ),
            Verdict(
                f"Peak resident memory of sweeps, {symbols:,} x {min(bars, 756)} x 312",
                swept["peak_mb"],
                "below",
                options.limits["sweep_mb"],
                "MB",
            ),
            Verdict(
                "Different digests of all results with three memory budgets",
                len(set(digests.values())),
                "at most",
                options.limits["digests"],
            ),
        ],
        [
            _table(f"{symbols:,} symbols x {bars:,} bars x 9 strategies", found),
            _table(f"{symbols:,} symbols x {min(bars, 756)} bars x 312 points", swept),
            Table(
                "Digest of metrics and trades",
                ["Memory budget", "SHA-256"],
                [[f"{budget:,} bytes", digest[:16]] for budget, digest in digests.items()],
            ),
        ],
    )


def _table(title: str, found: dict[str, float]) -> Table:
    rows = [
        ["Resident after a first small batch", f"{found['start_mb']:.0f} MB"],
        ["Peak", f"{found['peak_mb']:.0f} MB"],
        ["At the end", f"{found['end_mb']:.0f} MB"],
        ["Backtests", f"{found['backtests']:,}"],
        ["Processor time, including the generation of bars", f"{found['seconds']:.1f} s"],
    ]
    return Table(f"{title}, one process", ["", "Value"], rows)


def _run_worker(symbols: int, bars: int, *what: str) -> dict[str, float]:
    """Return what a fresh process measures of itself; its progress goes to the screen."""
    CONSOLE.print(f"{symbols:,} x {bars:,} in its own process; this takes a while.")
    command = [sys.executable, "-m", "benchmarks.memory_worker", str(symbols), str(bars), *what]
    done = subprocess.run(command, cwd=_ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def _digest(budget: int, symbols: int) -> str:
    """Return a digest of every metric, reason and trade of a universe of ragged histories."""
    histories = [history(number, 300 + 7 * (number % 9)) for number in range(symbols)]
    digest = hashlib.sha256()
    engine = VectorBTEngine(memory_budget=budget)
    for result in engine.run_batch(histories, nine_strategies(), WINDOW).results:
        digest.update(repr((result.symbol, result.metrics, result.undefined)).encode())
        digest.update(result.trades.tobytes())
    return digest.hexdigest()


BENCHMARK = Benchmark(
    "memory", __doc__ or "", {"growth_mb": 500.0, "sweep_mb": 500.0, "digests": 1.0}, run
)

if __name__ == "__main__":
    sys.exit(main(BENCHMARK))
