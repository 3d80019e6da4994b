"""What does the walk-forward of a strategy take?

Choices of all folds and one stitched simulation over the universe, of momentum's 25 points, trained
on 252 bars and more, in tests of 63. The sweep that it chooses from is not timed. Growth in symbols
is the exponent of time by least squares on logarithms: 1 is proportional.
"""

import sys
from collections.abc import Callable

from benchmarks.benchmark import Benchmark, Options, main
from benchmarks.engine.growth import exponent
from benchmarks.harness import interleave
from benchmarks.report import Curve, Report, Table, Verdict
from benchmarks.universe import universe
from engine.backtest import VectorBTEngine
from engine.equal_weight import EqualWeight
from engine.history import History
from engine.parameter_grid import build_grid
from engine.settings import Window
from research.fold_choices import TrialCurves, WalkForwardProtocol
from research.universe_curves import compute_universe_curves
from research.walk_forward import walk_forward

_BARS = 756


def run(options: Options) -> Report:
    """Time the walk-forward of one strategy on universes of several sizes."""
    sizes = (4, 8) if options.quick else (110, 220, 440, 880)
    everyone = universe(sizes[-1], _BARS)
    contenders = {f"{size:,} symbols": _prepare(everyone[:size]) for size in sizes}
    timings = interleave("a walk-forward", contenders, options.rounds)
    seconds = [timings.median(name) for name in contenders]
    curve = Curve("symbols", list(sizes), seconds, exponent(sizes, seconds))
    what = f"Choices and one stitched simulation, {sizes[0]} symbols x {_BARS} bars"
    exponents = f"Exponent of time in symbols, {sizes[0]} to {sizes[-1]}"
    verdicts = [
        Verdict(what, seconds[0], "at most", options.limits["seconds"], "s"),
        Verdict(exponents, curve.exponent, "at most", options.limits["exponent"]),
    ]
    rows = [[f"{size:,}", f"{time:.3f}"] for size, time in zip(sizes, seconds, strict=True)]
    return Report(verdicts, [Table("Time in symbols", ["symbols", "s"], rows)], [curve])


def _prepare(histories: list[History]) -> Callable[[], object]:
    """Return the walk-forward of a sweep on some histories, ready to be timed."""
    first, last = (histories[0].dates[place].item() for place in (0, -1))
    window, engine = Window(first, last), VectorBTEngine()
    market, points = EqualWeight.of(histories, window), build_grid("momentum").strategies
    outcomes = engine.run_batches(histories, points, window)
    sweep = TrialCurves.of(compute_universe_curves(outcomes, points, window, market))
    protocol = WalkForwardProtocol()
    return lambda: walk_forward([sweep], histories, window, engine, market, protocol)


BENCHMARK = Benchmark(
    "stitched_walk_forward",
    __doc__ or "",
    {"seconds": 0.15, "exponent": 1.05},
    run,
    "research",
)

if __name__ == "__main__":
    sys.exit(main(BENCHMARK))
