"""The cone of a curve: what its own days, in blocks in another order, would have come to."""

from dataclasses import dataclass

import numpy as np

from research.statistics.stationary_bootstrap import draw_indices
from strategies.base import Floats, Ints


@dataclass(frozen=True, eq=False)
class GrowthCone:
    """Quantiles of the growth of one unit over the draws of a bootstrap.

    Parameters
    ----------
    bars
        After how many bars, ascending, shape (K,).
    low, median, high
        Over draws, shape (K,).
    level
        Share of draws between `low` and `high`.
    block, draws
        Mean length of a block in bars, and number of draws.
    losing
        Share of draws that end below what was invested.
    """

    bars: Ints
    low: Floats
    median: Floats
    high: Floats
    level: float
    block: float
    draws: int
    losing: float


def compute_growth_cone(
    returns: Floats, block: float, *, draws: int, level: float, every: int = 5, seed: int = 0
) -> GrowthCone:
    """Return the cone of a curve of shape (T,), by the stationary bootstrap.

    With the seed, draws and block of `research.robustness.intervals.compute_intervals` it draws the
    same days as the intervals do.

    Parameters
    ----------
    every
        Bars between two quantiles; the last bar always has them.
    """
    bars = len(returns)
    places = np.unique(np.append(np.arange(every - 1, bars, every), bars - 1))
    indices = draw_indices(bars, draws, block, np.random.default_rng(seed))
    growth = np.cumprod(1.0 + returns[indices], axis=1)[:, places]
    tail = (1.0 - level) / 2.0
    low, median, high = np.quantile(growth, [tail, 0.5, 1.0 - tail], axis=0)
    losing = float((growth[:, -1] < 1.0).mean())
    return GrowthCone(places + 1, low, median, high, level, block, draws, losing)
