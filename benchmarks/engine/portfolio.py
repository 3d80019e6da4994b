"""How much faster than vectorbt's shared cash is an account of many symbols?

1,000 symbols x 2,520 bars, sma_cross, twenty equal slots, rebalanced every month, entries by
momentum. vectorbt simulates the same orders with `Portfolio.from_orders`, one group that shares its
cash, in the same round; it is told which orders there are and in which sequence, which the account
decides itself, and its value is read. Before anything is timed, both curves are compared, to 1e-9.
Memory is what the resident memory of a fresh process grows by at its peak, inputs not counted. Time
over a growing number of bars (100 symbols) and of symbols (504 bars) gives the exponents.
"""

import json
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.benchmark import Benchmark, Options, main
from benchmarks.engine.growth import exponent
from benchmarks.harness import CONSOLE, Contender, interleave
from benchmarks.report import Curve, Report, Table, Verdict
from benchmarks.shared_cash import SharedCash

AIM = 10.0

OWN, VECTORBT = "account", "vectorbt, cash shared"

_ROOT = Path(__file__).parents[2]


def run(options: Options) -> Report:
    """Compare time and memory with vectorbt's, and fit both exponents."""
    symbols, bars = (50, 252) if options.quick else (1000, 2520)
    case = SharedCash.of(symbols, bars)
    orders = case.list_orders()
    difference = np.abs(case.simulate() / orders.simulate() - 1.0).max()
    timings = interleave(
        f"{symbols:,} x {bars:,}",
        {OWN: case.simulate, VECTORBT: orders.simulate},
        options.rounds,
    )
    grown = {name: _measure_memory(name, symbols, bars) for name in (OWN, VECTORBT)}
    curves = _find_growth(options)
    verdicts = [
        Verdict("Largest difference of both curves", float(difference), "below", 1e-9),
        Verdict(
            f"Accounts/s, times vectorbt's ({symbols:,} x {bars:,})",
            timings.times_as_fast(OWN, VECTORBT),
            "at least",
            options.limits["times_vectorbt"],
            "x",
            aim=AIM,
        ),
        Verdict(
            "Memory, as a share of vectorbt's",
            grown[OWN] / grown[VECTORBT],
            "at most",
            options.limits["memory_share"],
        ),
        *(
            Verdict(
                f"Exponent of time in {curve.size}",
                curve.exponent,
                "at most",
                options.limits["exponent"],
            )
            for curve in curves
        ),
    ]
    rows = [
        [name, f"{timings.median(name) * 1e3:,.1f}", f"{grown[name]:,.1f}"]
        for name in (OWN, VECTORBT)
    ]
    title = f"{symbols:,} symbols x {bars:,} bars, {len(orders.size):,} days, 20 slots, monthly"
    return Report(verdicts, [Table(title, ["Contender", "ms", "MB"], rows)], curves)


def _measure_memory(name: str, symbols: int, bars: int) -> float:
    """Return what a fresh process grows by, in MB."""
    CONSOLE.print(f"Memory of {name} in its own process.")
    what = "own" if name == OWN else "vectorbt"
    command = [sys.executable, "-m", "benchmarks.shared_cash", what, str(symbols), str(bars)]
    done = subprocess.run(command, cwd=_ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return max(json.loads(done.stdout)["grown_mb"], 0.1)


def _find_growth(options: Options) -> list[Curve]:
    bars = (252, 504) if options.quick else (252, 756, 2520, 5040)
    symbols = (20, 40) if options.quick else (100, 300, 1000, 3000)
    few, short = (20, 252) if options.quick else (100, 504)
    return [
        _curve("bars", {size: SharedCash.of(few, size).simulate for size in bars}, options),
        _curve("symbols", {size: SharedCash.of(size, short).simulate for size in symbols}, options),
    ]


def _curve(size: str, contenders: dict[int, Contender], options: Options) -> Curve:
    named = {f"{value:,} {size}": partial(run) for value, run in contenders.items()}
    timings = interleave(f"growth in {size}", named, options.rounds)
    seconds = [timings.median(name) for name in named]
    return Curve(size, list(contenders), seconds, exponent(list(contenders), seconds))


BENCHMARK = Benchmark(
    "portfolio",
    __doc__ or "",
    {"times_vectorbt": 3.0, "memory_share": 0.1, "exponent": 1.05},
    run,
)

if __name__ == "__main__":
    sys.exit(main(BENCHMARK))
