"""Hansen's test of superior predictive ability: the best of many trials against luck."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from research.errors import InvalidCurvesError
from research.statistics.curves import check_curves
from research.statistics.stationary_bootstrap import compute_mean_variances
from strategies.base import Floats

Recentring = Literal["lower", "consistent", "upper"]
"""Which trials are taken as having a true mean of 0: see `SuperiorAbility`."""

_TRIALS_AT_ONCE = 512
_BITS = 52


@dataclass(frozen=True, eq=False)
class SuperiorAbility:
    """Statistics of N trials, and what the best of them reaches by luck in each of B draws.

    Parameters
    ----------
    statistics
        sqrt(T) * mean, over its bootstrap deviation where studentized, shape (N,).
    lower, consistent, upper
        Maxima over all trials per draw, at least 0, shape (B,). In `upper` (White's reality check)
        every trial has a true mean of 0, in `lower` those with a mean below 0 keep it, in
        `consistent` those whose mean is so far below that a mean of 0 is implausible.
    """

    statistics: Floats
    lower: Floats
    consistent: Floats
    upper: Floats

    def p_value(self, recentring: Recentring = "consistent") -> float:
        """Return the p-value of the best trial, that no trial has a mean above 0."""
        return float(self.adjusted_p_values(self.statistics.max(), recentring))

    def adjusted_p_values(
        self, statistics: ArrayLike | None = None, recentring: Recentring = "consistent"
    ) -> Floats:
        """Return the single-step adjusted p-value of each statistic, in its shape.

        (1 + number of maxima that reach it) / (1 + B). The maxima are over all trials, whichever
        statistic is asked for: the probability of any false rejection among them is held (White
        2000; Romano & Wolf 2005). 1 for a statistic up to 0.

        The data count as one of the draws: a test by resampling then holds its level exactly, and
        no p-value is 0, which B draws cannot show (Davison & Hinkley 1997, section 4.2). arch
        returns the number over B.

        Parameters
        ----------
        statistics
            None is each trial's own. The best one of a group of trials gives that of the group.
        """
        maxima = np.sort(getattr(self, recentring))
        asked = np.asarray(self.statistics if statistics is None else statistics)
        reached = len(maxima) - np.searchsorted(maxima, np.maximum(asked, 0.0), side="left")
        return (1.0 + np.asarray(reached, dtype=np.float64)) / (1.0 + len(maxima))


def compare_with_luck(
    returns: NDArray[np.floating],
    counts: NDArray[np.float32],
    block: float,
    *,
    studentize: bool = False,
) -> SuperiorAbility:
    """Return the test of superior predictive ability of trials over a benchmark of 0.

    Source: Hansen 2005, A test for superior predictive ability, JBES 23(4). Trials with
    sqrt(T) mean / omega < -sqrt(2 log log T) keep their mean in `consistent`, omega^2 as in
    `compute_mean_variances`.

    Resampled sums are exact: see `_sum_draws`. So a p-value, which counts maxima, is the same on
    every processor.

    Parameters
    ----------
    returns
        What each trial earns beyond the benchmark, shape (N, T), T at least 3.
    counts
        How often each draw has each bar, shape (B, T): `draw_counts`.
    block
        Mean length of their blocks.
    studentize
        Divide each mean by omega. Of 250 searches without skill 10 % were then found to have some
        at 5 %, against 5 % without: a trial that is seldom invested has a small omega by luck. A
        trial without variance has the statistic 0.

    Raises
    ------
    InvalidCurvesError
        When there are no trials, fewer than three bars, a value that is not finite, or counts of
        another number of bars.
    """
    curves = check_curves(returns, bars=3)
    bars = curves.shape[1]
    if counts.ndim != 2 or counts.shape[1] != bars:  # noqa: PLR2004
        raise InvalidCurvesError(
            f"Draws have shape {counts.shape}; allowed is (draws, {bars}), as the curves have."
        )
    maxima = np.zeros((3, len(counts)))
    columns = counts.T.astype(np.float64)
    # Slices of trials: a matrix of draws and trials would take 36 MB for 9,000 trials.
    slices = np.array_split(curves, -(-len(curves) // _TRIALS_AT_ONCE))
    statistics = [_add_trials(maxima, some, columns, block, studentize) for some in slices]
    return SuperiorAbility(np.concatenate(statistics), *maxima)


def _add_trials(
    maxima: Floats,
    curves: Floats,
    columns: Floats,
    block: float,
    studentize: bool,
) -> Floats:
    """Raise the maxima (lower, consistent, upper) by those of some trials; return statistics."""
    bars = curves.shape[1]
    mean = curves.mean(axis=1)
    omega = np.sqrt(compute_mean_variances(curves, block))
    unit = np.where(omega > 0.0, omega, np.inf) if studentize else np.ones(len(curves))
    scale = math.sqrt(bars) / unit
    centred = (curves - mean[:, np.newaxis]) * (scale / bars)[:, np.newaxis]
    drawn = _sum_draws(centred, columns)
    limit = -math.sqrt(2.0 * math.log(math.log(bars)))
    statistic = mean * scale
    kept = (
        np.minimum(statistic, 0.0),
        np.where(mean * math.sqrt(bars) < limit * omega, statistic, 0.0),
    )
    for row, shift in enumerate(kept):
        shifted = drawn + shift[:, np.newaxis]
        np.maximum(maxima[row], shifted.max(axis=0), out=maxima[row])
    np.maximum(maxima[2], drawn.max(axis=0), out=maxima[2])
    return statistic


def _sum_draws(curves: Floats, columns: Floats) -> Floats:
    """Return the sum of each curve over each draw, shape (N, B), without any rounding of sums.

    Curves are rounded to whole multiples of a power of two, so small that no sum of T of them
    reaches 2^53. Sums of whole numbers below that are exact in whichever order, with or without
    FMA: the product of matrices has the same bits in every BLAS. Rounded is a curve to some 1e-13
    of its largest value.

    Parameters
    ----------
    columns
        How often each draw has each bar, shape (T, B); each draw has as many bars as there are.
    """
    _, exponent = np.frexp(np.abs(curves).max(axis=1, keepdims=True) * curves.shape[1])
    whole = np.rint(np.ldexp(curves, _BITS - exponent))
    return np.ldexp(whole @ columns, exponent - _BITS)
