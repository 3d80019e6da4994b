"""What does it take to judge every strategy of a universe?

All 312 points of the nine strategies on 110 symbols x 756 bars: their curves over the universe, the
walk-forward of each strategy and the verdicts, in memory. Beside it two tests of the verdicts on
the same 312 curves, each next to a library: the test of superior predictive ability with 1,000
draws next to arch, and combinatorial cross-validation of 10 blocks next to purgedcv, which must
find the same.
"""

import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from benchmarks.benchmark import Benchmark, Options, main
from benchmarks.harness import interleave
from benchmarks.report import Report, Table, Verdict
from benchmarks.universe import NINE, universe
from engine.backtest import VectorBTEngine
from engine.equal_weight import EqualWeight
from engine.history import History
from engine.parameter_grid import build_grid
from engine.settings import BacktestSettings, Window
from research.calibration.simulated_universe import judge_universe
from research.residuals import hedge_across_folds, hedge_positions
from research.statistics.cross_validation import cross_validate
from research.statistics.stationary_bootstrap import draw_counts
from research.statistics.superior_predictive_ability import compare_with_luck
from research.universe_curves import compute_universe_curves
from strategies.base import Floats

ALL = "curves, walk-forwards, verdicts"
SPA, ARCH = "superior predictive ability", "the same by arch"
CSCV, PURGEDCV = "cross-validation", "the same by purgedcv"

_DRAWS, _BLOCK = 1_000, 10
_BLOCKS = 10
_MOST_ROUNDS = 3
_NEAR = 0.05


def run(options: Options) -> Report:
    """Time the way from prices to verdicts, and the tests beside their libraries."""
    size = (6, 400) if options.quick else (110, 756)
    histories = universe(*size)
    window = Window(*(histories[0].dates[place].item() for place in (0, -1)))
    curves = _sweep(histories, window)
    settings = BacktestSettings()
    points = {name: build_grid(name).strategies for name in NINE}
    contenders: dict[str, Callable[[], Any]] = {
        ALL: lambda: judge_universe(histories, window, settings, points),
        **_build_tests(curves),
    }
    _require_alike(contenders)
    timings = interleave("verdicts", contenders, min(options.rounds, _MOST_ROUNDS))
    limits = options.limits
    verdicts = [
        Verdict(
            f"CPU time from prices to verdicts, 312 points x {size[0]} symbols x {size[1]} bars",
            timings.median(ALL),
            "at most",
            limits["seconds"],
            "s",
            aim=4.0,
        ),
        Verdict(
            "Test of superior predictive ability, times as fast as arch",
            timings.times_as_fast(SPA, ARCH),
            "at least",
            limits["times_arch"],
            "x",
        ),
        Verdict(
            "Cross-validation, times as fast as purgedcv",
            timings.times_as_fast(CSCV, PURGEDCV),
            "at least",
            limits["times_purgedcv"],
            "x",
        ),
    ]
    rows = [[name, f"{timings.median(name):.3f}"] for name in contenders]
    return Report(verdicts, [Table("CPU time", ["", "s"], rows)])


def _sweep(histories: list[History], window: Window) -> Floats:
    """Return the curves that verdicts test: of all points that move, under both hedges."""
    market = EqualWeight.of(histories, window)
    points = [point for name in NINE for point in build_grid(name).strategies]
    outcomes = VectorBTEngine().run_batches(histories, points, window)
    curves = compute_universe_curves(outcomes, points, window, market)
    returns, market_returns = curves.returns, curves.market
    hedged = [
        hedge_across_folds(returns, market_returns),
        hedge_positions(returns, curves.exposure, market_returns),
    ]
    return np.concatenate([one[returns.std(axis=1) > 0.0] for one in hedged])


def _build_tests(curves: Floats) -> Mapping[str, Callable[[], Any]]:
    from arch import bootstrap
    from purgedcv import probability_of_backtest_overfitting

    bars = curves.shape[1]

    def test_ours() -> float:
        counts = draw_counts.__wrapped__(bars, _DRAWS, float(_BLOCK), 1)  # drawn each time
        return compare_with_luck(curves, counts, float(_BLOCK)).p_value()

    def test_theirs() -> float:
        test = bootstrap.SPA(np.zeros(bars), -curves.T, reps=_DRAWS, block_size=_BLOCK, seed=1)
        test.compute()
        return float(np.asarray(test.pvalues)[1])

    return {
        SPA: test_ours,
        ARCH: test_theirs,
        CSCV: lambda: cross_validate(curves, _BLOCKS).overfitting,
        PURGEDCV: lambda: probability_of_backtest_overfitting(curves, _BLOCKS).pbo,
    }


def _require_alike(contenders: Mapping[str, Callable[[], Any]]) -> None:
    """Refuse to compare what does not find the same; the draws of a bootstrap differ."""
    found = {name: contenders[name]() for name in (SPA, ARCH, CSCV, PURGEDCV)}
    if found[CSCV] != found[PURGEDCV] or abs(found[SPA] - found[ARCH]) > _NEAR:
        raise RuntimeError(f"The libraries find something else: {found}.")


BENCHMARK = Benchmark(
    "from_sweep_to_verdict",
    __doc__ or "",
    {"seconds": 10.0, "times_arch": 10.0, "times_purgedcv": 20.0},
    run,
    "research",
)

if __name__ == "__main__":
    sys.exit(main(BENCHMARK))
