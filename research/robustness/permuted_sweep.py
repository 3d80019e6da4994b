"""The sweep of a strategy on permuted days: whether its best point needs the order of the days."""

import math
from collections.abc import Sequence

import numpy as np

from engine.backtest import VectorBTEngine
from engine.equal_weight import EqualWeight
from engine.history import History
from engine.settings import BacktestSettings, Window
from research.residuals import hedge_across_folds
from research.robustness.day_permutation import DayPermutation, compare_with_permuted_days
from research.selection import LEAST_ACTIVITY
from research.statistics.moments import compute_sharpes
from research.universe_curves import compute_universe_curves
from strategies.base import Strategy


def compare_sweep_with_permuted_days(
    points: Sequence[Strategy],
    histories: Sequence[History],
    settings: BacktestSettings,
    window: Window,
    *,
    bars_per_year: float,
    permutations: int,
    seed: int = 0,
) -> DayPermutation:
    """Return the test of a whole sweep; its statistic is that of `find_highest_sharpe`, per year.

    Raises
    ------
    UnusableBarsError
        When no symbol has usable bars in the window.
    """

    def run(some: Sequence[History]) -> float:
        return find_highest_sharpe(points, some, settings, window) * math.sqrt(bars_per_year)

    return compare_with_permuted_days(run, histories, window, permutations=permutations, seed=seed)


def find_highest_sharpe(
    points: Sequence[Strategy],
    histories: Sequence[History],
    settings: BacktestSettings,
    window: Window,
) -> float:
    """Return the highest Sharpe ratio per bar of the points' residuals over the universe.

    Of points that are active on `LEAST_ACTIVITY` of bars or more; minus infinity without any, which
    every permutation reaches.
    """
    universe = EqualWeight.of(histories, window)
    outcomes = VectorBTEngine(settings).run_batches(histories, points, window, universe)
    curves = compute_universe_curves(outcomes, points, window, universe)
    sharpes = compute_sharpes(hedge_across_folds(curves.returns, curves.market))
    usable = (curves.activity >= LEAST_ACTIVITY) & np.isfinite(sharpes)
    return float(sharpes[usable].max(initial=-math.inf))
