"""What walk-forward trades in each fold: the choices, each from its own past alone."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from research.folds import Fold, WalkForwardFolds
from research.selection import ChoiceRule, choose, find_neighbours, measure_training, require_rule
from research.universe_curves import UniverseCurves
from strategies.base import Floats, Strategy

KEPT = "no candidate: the point before is kept"
DEFAULT = "no candidate: default parameters"


@dataclass(frozen=True)
class WalkForwardProtocol:
    """How parameters are chosen through time.

    Parameters
    ----------
    folds
        What is trained on, and what is traded.
    choice
        As in `research.selection.ChoiceRule`.

    Raises
    ------
    InvalidFoldsError
        When there is no such choice.
    """

    folds: WalkForwardFolds = field(default_factory=WalkForwardFolds)
    choice: ChoiceRule = "plateau"

    def __post_init__(self) -> None:
        require_rule(self.choice)

    @property
    def name(self) -> str:
        """The protocol in words, such as ``walk_forward anchored 252/63 plateau``."""
        return f"walk_forward {self.folds.name} {self.choice}"


@dataclass(frozen=True, eq=False)
class TrialCurves:
    """The curves of a grid's points over a universe: what walk-forward chooses from.

    Parameters
    ----------
    points
        N strategies of one kind.
    dates
        ``datetime64[D]``, ascending, shape (T,).
    returns
        Not residuals: the slope on the market is estimated on each training slice, shape (N, T).
    market
        Returns of the equal-weight universe, shape (T,).
    """

    points: Sequence[Strategy]
    dates: NDArray[np.datetime64]
    returns: Floats
    market: Floats

    @classmethod
    def of(cls, curves: UniverseCurves) -> "TrialCurves":
        """Return the curves of a sweep."""
        return cls(curves.strategies, curves.dates, curves.returns, curves.market)


@dataclass(frozen=True, eq=False)
class FoldChoice:
    """What a fold trades, and why.

    Parameters
    ----------
    fold
        The bars that it was chosen on, and those that it is traded on.
    point
        Which one was chosen.
    reason
        The protocol's choice, `KEPT` or `DEFAULT`.
    in_sample
        Sharpe ratio of its residual on the training slice, per bar; NaN if undefined.
    beta
        Its slope on the market in the training slice.
    """

    fold: Fold
    point: Strategy
    reason: str
    in_sample: float
    beta: float


def choose_points(curves: TrialCurves, protocol: WalkForwardProtocol) -> list[FoldChoice]:
    """Return the choice of each fold, from the bars of its training slice and no others.

    A fold without a candidate keeps the point of the fold before; the first ones trade the default
    parameters.

    Raises
    ------
    InvalidFoldsError
        As `WalkForwardFolds.split`.
    """
    neighbours = find_neighbours(curves.points)
    choices: list[FoldChoice] = []
    for fold in protocol.folds.split(len(curves.dates)):
        training = measure_training(curves.returns[:, fold.train], curves.market[fold.train])
        place = choose(training, neighbours, protocol.choice)
        if place is not None:
            point, reason = curves.points[place], protocol.choice
        elif choices:
            point, reason = choices[-1].point, KEPT
        else:
            point, reason = type(curves.points[0])(), DEFAULT
        # Default parameters need not be a point of the grid: the others' slope stands for theirs.
        known = place if place is not None else _find(curves.points, point)
        sharpe, beta = np.nan, float(training.betas.mean())
        if known is not None:
            sharpe, beta = float(training.sharpes[known]), float(training.betas[known])
        choices.append(FoldChoice(fold, point, reason, sharpe, beta))
    return choices


def _find(points: Sequence[Strategy], point: Strategy) -> int | None:
    return next((place for place, one in enumerate(points) if one == point), None)
