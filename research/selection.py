"""Which point of a parameter grid a training slice would have chosen."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from research.errors import InvalidFoldsError
from research.residuals import compute_residuals
from research.statistics.moments import compute_sharpes
from strategies.base import Bools, Floats, Strategy
from strategies.errors import did_you_mean

ChoiceRule = Literal["plateau", "best"]
"""``plateau``: the mean of a point's criterion and those of its neighbours; ``best``: its own."""

LEAST_ACTIVITY = 0.10
"""Share of training bars on which a curve must move to be chosen: a Sharpe ratio of a few bars is
luck."""

_NEGLIGIBLE = 1e-6
_DIGITS = 6


@dataclass(frozen=True, eq=False)
class TrainingSlice:
    """What N points made of the bars of a training slice, and of no others.

    Parameters
    ----------
    sharpes
        Of their residuals, per bar, shape (N,); NaN without variance.
    betas
        Slopes on the market, shape (N,).
    activity
        Share of bars on which the curve moves, shape (N,).
    """

    sharpes: Floats
    betas: Floats
    activity: Floats

    @property
    def candidates(self) -> Bools:
        """Which points can be chosen, shape (N,)."""
        return (self.activity >= LEAST_ACTIVITY) & np.isfinite(self.sharpes)


def measure_training(returns: Floats, market: Floats) -> TrainingSlice:
    """Return what points made of a training slice; betas are estimated on it alone.

    A bar counts as active when the curve moves by more than a millionth of the market's move:
    what a curve that was stored as float32 shows in its place is no move.

    Parameters
    ----------
    returns
        Of the points on the bars of the slice, shape (N, T).
    market
        On the same bars, shape (T,).
    """
    residuals, betas = compute_residuals(returns, market)
    moves = np.abs(returns) > _NEGLIGIBLE * np.abs(market)
    active = moves.mean(axis=1)
    sharpes = np.where(moves.any(axis=1), compute_sharpes(residuals), np.nan)
    return TrainingSlice(sharpes, betas, active)


def find_neighbours(points: Sequence[Strategy]) -> Bools:
    """Return which points are a point's neighbours or itself, shape (N, N), symmetric.

    Neighbours differ in exactly one parameter, and there by one step of the grid: among all values
    that the points have for this parameter, theirs follow one another. Texts have no order: any two
    of them are one step apart.
    """
    names = points[0].parameters()
    steps = np.zeros((len(points), len(points)), dtype=np.int32)
    for name in names:
        values = np.array([getattr(one, name) for one in points])
        place = np.unique(values, return_inverse=True)[1].astype(np.int32)
        apart = np.abs(place[:, np.newaxis] - place)
        steps += np.minimum(apart, 1) if values.dtype.kind == "U" else apart
    return steps <= 1


def score(training: TrainingSlice, neighbours: Bools, rule: ChoiceRule) -> Floats:
    """Return what a rule compares, shape (N,); NaN for points that are no candidates.

    The mean of a plateau is over candidates: a neighbour that hardly trades says nothing.
    """
    candidates = training.candidates
    sharpes = np.where(candidates, training.sharpes, 0.0)
    if rule == "plateau":
        counted = neighbours & candidates
        sharpes = (counted * sharpes).sum(axis=1) / np.maximum(counted.sum(axis=1), 1)
    return np.where(candidates, sharpes, np.nan)


def choose(training: TrainingSlice, neighbours: Bools, rule: ChoiceRule) -> int | None:
    """Return the point with the highest score, the first of several; None without a candidate.

    Scores that differ by less than a millionth are equal: rounding must not decide.
    """
    scores = score(training, neighbours, rule)
    if np.isnan(scores).all():
        return None
    return int(np.nanargmax(np.round(scores, _DIGITS)))


def require_rule(rule: str) -> None:
    """Refuse a rule that there is not.

    Raises
    ------
    InvalidFoldsError
        When there is none.
    """
    allowed = get_args(ChoiceRule)
    if rule not in allowed:
        raise InvalidFoldsError(
            f"choice is {rule!r}; allowed: {', '.join(allowed)}.{did_you_mean(str(rule), allowed)}"
        )
