"""What the neighbours of a strategy's parameters would have earned."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from research.robustness.performance import Performance
from research.selection import find_neighbours
from strategies.base import Strategy


@dataclass(frozen=True)
class JitteredParameters:
    """One neighbour of the strategy's point of its grid.

    Parameters
    ----------
    parameters
        Those that differ from the strategy's.
    performance
        Of the neighbour's residual curve.
    """

    parameters: Mapping[str, Any]
    performance: Performance


def find_jittered(
    strategy: Strategy,
    points: Sequence[Strategy],
    residuals: NDArray[np.floating],
    bars_per_year: float,
) -> list[JitteredParameters]:
    """Return the neighbours of a strategy among the points of its sweep, in their order.

    A neighbour differs in one parameter by one step, see `research.selection.find_neighbours`. The
    strategy itself need not be one of the points: its values then count as steps of their own.

    Parameters
    ----------
    points
        Of the same strategy.
    residuals
        Their curves, shape (N, T).
    """
    if not points:
        return []
    near = find_neighbours([strategy, *points])[0, 1:]
    own = strategy.parameters()
    found = []
    for number in np.flatnonzero(near).tolist():
        other = points[number].parameters()
        changed = {name: value for name, value in other.items() if value != own[name]}
        if changed:
            curve = np.asarray(residuals[number], dtype=np.float64)
            found.append(JitteredParameters(changed, Performance.of(curve, bars_per_year)))
    return found
