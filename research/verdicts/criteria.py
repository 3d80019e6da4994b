"""The criteria between a sweep and a verdict: what each tests, and the limits that were calibrated.

The limits were chosen on simulated universes and confirmed on others: `docs/calibration.md`.
"""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from research.statistics.cross_validation import CrossValidation, cross_validate
from research.statistics.moments import compute_sharpes
from research.statistics.sharpe_inference import compute_psr
from research.statistics.stationary_bootstrap import draw_counts
from research.statistics.superior_predictive_ability import compare_with_luck
from strategies.base import Floats

Group = TypeVar("Group", bound=Hashable)

LEAST_ACTIVITY = 0.10
"""Share of bars with a return, below which a trial is counted and not tested: the Sharpe ratio of a
few bars is luck."""

GRID_LEVEL = 0.05
"""Of the p-value of a strategy's mean curve over its grid."""

BEST_POINT_LEVEL = 0.10
"""Of the p-value of its best point."""

LOSS_LIMIT = 0.20
"""Of the share of splits whose best point loses out of sample."""

WALK_FORWARD_LEVEL = 0.025
"""Of the p-value of the stitched out-of-sample curve, times the protocols that were tried."""

DRAWS, BLOCK, SEED = 1_000, 10.0, 20_260
"""Of the bootstrap: how many, mean length of a block in bars, and the seed of all draws."""


@dataclass(frozen=True)
class Criterion:
    """What a criterion found of a strategy.

    Parameters
    ----------
    statistic
        What is judged, a Sharpe ratio per year or a share; NaN if there is nothing to judge.
    value
        A p-value, or a share: the lower, the better.
    limit
        The highest value that passes.
    """

    statistic: float
    value: float
    limit: float

    @property
    def passed(self) -> bool:
        """Whether the criterion lets the strategy through."""
        return bool(self.value <= self.limit)


def judge_against_luck(
    curves: NDArray[np.floating], groups: Sequence[Group], asked: Iterable[Group]
) -> dict[Group, tuple[float, float]]:
    """Return the best Sharpe ratio per bar of each group, and its p-value among all curves.

    The test of superior predictive ability on curves of the same deviation, so that its
    statistics are sqrt(T) times Sharpe ratios and a curve that moves more does not decide alone.
    Adjusted for all curves in one step: that any group without skill passes has the
    probability of the level.

    Parameters
    ----------
    curves
        Residuals that move, shape (N, T).
    groups
        Whose each curve is.
    asked
        The groups to return; one without a curve has (NaN, 1).
    """
    sharpes = compute_sharpes(curves)
    scaled = curves / curves.std(axis=1, ddof=1, keepdims=True)
    counts = draw_counts(curves.shape[1], DRAWS, BLOCK, SEED)
    test = compare_with_luck(scaled, counts, BLOCK)
    p_values = test.adjusted_p_values()
    found: dict[Group, tuple[float, float]] = {}
    for group in asked:
        rows = [row for row, one in enumerate(groups) if one == group]
        best = rows[int(sharpes[rows].argmax())] if rows else None
        found[group] = (
            (np.nan, 1.0) if best is None else (float(sharpes[best]), float(p_values[best]))
        )
    return found


def judge_selection(curves: NDArray[np.floating]) -> CrossValidation | None:
    """Return what choosing among a strategy's points is worth; None with fewer than two."""
    return cross_validate(curves) if len(curves) > 1 else None


def judge_walk_forward(curve: Floats, protocols: int) -> tuple[float, float]:
    """Return the Sharpe ratio per bar of an out-of-sample curve, and its p-value.

    One-sided, that the mean is above 0, by the normal distribution; times the protocols that were
    tried (Bonferroni).

    Parameters
    ----------
    curve
        Residuals from the first test bar on, shape (T,).
    protocols
        How many walk-forwards of the strategy there are, this one included.
    """
    (sharpe,) = compute_sharpes(curve[np.newaxis])
    if np.isnan(sharpe):
        return np.nan, 1.0
    # sqrt(T) SR is standard normal without skill: PSR at a true Sharpe ratio of 0.
    above = compute_psr(sharpe, 0.0, len(curve), at_benchmark=True)
    return float(sharpe), min(1.0, protocols * (1.0 - float(above)))
