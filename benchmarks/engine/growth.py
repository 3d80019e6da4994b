"""Does time grow in proportion to bars and symbols?

Time over a growing number of bars (100 symbols) and of symbols (252 bars), nine strategies, sizes
interleaved. The exponent is fitted by least squares to the logarithms of the medians: 1 is
proportional; below 1, the fixed cost of a batch still shows. Batches are run by `run_batches`, and
each outcome is read and released.
"""

import sys
from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from benchmarks.benchmark import Benchmark, Options, main
from benchmarks.harness import Contender, interleave
from benchmarks.report import Curve, Report, Table, Verdict
from benchmarks.universe import WINDOW, nine_strategies, universe
from engine.backtest import VectorBTEngine
from engine.history import History

# A run takes seconds, and its noise is small beside them.
_MOST_ROUNDS = 5


def run(options: Options) -> Report:
    """Fit both exponents."""
    bars = (252, 504, 756) if options.quick else (252, 756, 2520, 5040)
    symbols = (10, 20, 40) if options.quick else (100, 300, 1000, 3000, 10_000)
    everyone = universe(symbols[-1], 252)
    longest = 10 if options.quick else 100
    rounds = min(options.rounds, _MOST_ROUNDS)
    curves = [
        _curve("bars", {size: _runs(universe(longest, size)) for size in bars}, rounds),
        _curve("symbols", {size: _runs(everyone[:size]) for size in symbols}, rounds),
    ]
    verdicts = [
        Verdict(
            f"Exponent of time in {curve.size}, {curve.sizes[0]:,} to {curve.sizes[-1]:,}",
            curve.exponent,
            "at most",
            options.limits["exponent"],
        )
        for curve in curves
    ]
    return Report(verdicts, [_table(curve) for curve in curves], curves)


def exponent(sizes: Sequence[float], seconds: Sequence[float]) -> float:
    """Return k of seconds ~ sizes ** k, by least squares on logarithms."""
    slope, _ = np.polyfit(np.log(sizes), np.log(seconds), 1)
    return float(slope)


def _curve(size: str, contenders: Mapping[int, Contender], rounds: int) -> Curve:
    named = {f"{value:,} {size}": run for value, run in contenders.items()}
    timings = interleave(f"growth in {size}", named, rounds)
    seconds = [timings.median(name) for name in named]
    return Curve(size, list(contenders), seconds, exponent(list(contenders), seconds))


def _runs(histories: list[History]) -> Contender:
    return partial(_run, histories)


def _run(histories: list[History]) -> None:
    for outcome in VectorBTEngine().run_batches(histories, nine_strategies(), WINDOW):
        for result in outcome.results:
            _ = result.metrics, result.trades


def _table(curve: Curve) -> Table:
    sizes, seconds = curve.sizes, curve.seconds
    steps = ["", *(f"{exponent(sizes[i : i + 2], seconds[i : i + 2]):.2f}" for i in _pairs(sizes))]
    rows = [
        [f"{size:,}", f"{time:.3f}", f"{time / size * 1e6:,.1f}", step]
        for size, time, step in zip(sizes, seconds, steps, strict=True)
    ]
    one = curve.size.removesuffix("s")
    columns = [curve.size, "s", f"us per {one}", "exponent of the step"]
    return Table(f"Time in {curve.size}", columns, rows)


def _pairs(sizes: Sequence[int]) -> range:
    return range(len(sizes) - 1)


BENCHMARK = Benchmark("growth", __doc__ or "", {"exponent": 1.05}, run)

if __name__ == "__main__":
    sys.exit(main(BENCHMARK))
