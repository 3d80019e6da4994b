"""What the page of correlations shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from reports.inputs.universe_curve import UniverseCurve
from research.statistics.clustering import Cluster, cluster_by_correlation, correlate
from strategies.base import Floats


@dataclass(frozen=True, eq=False)
class CorrelationInputs:
    """What the page shows.

    Parameters
    ----------
    strategies
        N of them, those that move together beside each other.
    returns, residuals
        Correlations of their daily returns over the universe, and of these less beta times the
        equal-weight universe's; shape (N, N), NaN for one that never moved.
    tree
        Of the residuals' correlations; its members are places in `strategies`.
    days
        Number of returns.
    """

    strategies: Sequence[str]
    returns: Floats
    residuals: Floats
    tree: Cluster
    days: int


def load_correlation(curves: Mapping[str, UniverseCurve]) -> CorrelationInputs | None:
    """Return the correlations of curves on the same days; None with fewer than two."""
    if len(curves) < 2:  # noqa: PLR2004
        return None
    names, found = list(curves), list(curves.values())
    returns = np.array([one.returns for one in found])
    residuals = np.array([one.returns - one.beta * one.market for one in found])
    order = list(cluster_by_correlation(correlate(residuals)).members)
    ordered = correlate(residuals[order])
    return CorrelationInputs(
        strategies=[names[place] for place in order],
        returns=correlate(returns[order]),
        residuals=ordered,
        tree=cluster_by_correlation(ordered),
        days=returns.shape[1],
    )
