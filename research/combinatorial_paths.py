"""Combinatorial cross-validation of a grid: many out-of-sample curves instead of one.

Source: Lopez de Prado, Advances in Financial Machine Learning (2018), chapter 12.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from research.combinatorial_folds import CombinatorialFolds
from research.fold_choices import TrialCurves
from research.selection import ChoiceRule, choose, find_neighbours, measure_training, require_rule
from research.statistics.moments import compute_sharpes
from strategies.base import Floats, Strategy


@dataclass(frozen=True, eq=False)
class CombinatorialPaths:
    """The paths of a grid's choices.

    Parameters
    ----------
    folds
        How the bars were divided.
    chosen
        The point of each split; None where there was no candidate, and nothing is traded.
    residuals
        Of each path, shape (paths, T).
    sharpes
        Of their residuals, per bar, shape (paths,); NaN without variance.
    """

    folds: CombinatorialFolds
    chosen: Sequence[Strategy | None]
    residuals: Floats
    sharpes: Floats


def compute_paths(
    curves: TrialCurves, folds: CombinatorialFolds, rule: ChoiceRule = "plateau"
) -> CombinatorialPaths:
    """Return the paths that the choices of all splits make.

    A path puts the chosen points' own curves side by side; they are not simulated again, so a
    change of points at a fold's border costs nothing. Training follows the test in most splits:
    the spread of the paths says how stable the choice is, no path could have been traded.

    Raises
    ------
    InvalidFoldsError
        As `CombinatorialFolds.bounds`, and when there is no such rule.
    """
    require_rule(rule)
    bars = len(curves.dates)
    bounds, neighbours = folds.bounds(bars), find_neighbours(curves.points)
    residuals = np.zeros((folds.paths, bars))
    chosen: list[Strategy | None] = []
    for split in folds.split(bars):
        training = measure_training(curves.returns[:, split.train], curves.market[split.train])
        place = choose(training, neighbours, rule)
        chosen.append(None if place is None else curves.points[place])
        if place is None:
            continue
        for fold, path in zip(split.folds, split.paths, strict=True):
            test = slice(bounds[fold], bounds[fold + 1])
            returns, market = curves.returns[place, test], curves.market[test]
            residuals[path, test] = returns - training.betas[place] * market
    return CombinatorialPaths(folds, chosen, residuals, compute_sharpes(residuals))
