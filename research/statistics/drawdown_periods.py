"""Drawdowns: how far a curve was below its highest level, and from when to when."""

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from strategies.base import Floats


@dataclass(frozen=True)
class DrawdownPeriod:
    """One period below a peak.

    Parameters
    ----------
    start
        The first day below the peak.
    trough
        The day of the lowest level.
    end
        The day on which the peak was reached again; None if it has not been.
    depth
        At the trough, a fraction of the peak, negative.
    bars
        From `start` to the bar before `end`, or to the last.
    """

    start: date
    trough: date
    end: date | None
    depth: float
    bars: int


def compute_drawdowns(returns: Floats) -> Floats:
    """Return how far each level is below the highest one so far, from -1 to 0, shape (T,).

    Parameters
    ----------
    returns
        Per bar, shape (T,); what was invested is the first peak.
    """
    level = (1.0 + returns).cumprod()
    return level / np.maximum(np.maximum.accumulate(level), 1.0) - 1.0


def find_drawdown_periods(
    returns: Floats, dates: NDArray[np.datetime64], most: int
) -> list[DrawdownPeriod]:
    """Return the deepest periods below a peak, deepest first, at most `most`.

    Parameters
    ----------
    returns, dates
        Shape (T,).
    """
    drawdowns = compute_drawdowns(returns)
    below = np.concatenate([[False], drawdowns < 0.0, [False]])
    edges = np.flatnonzero(below[1:] != below[:-1])
    days: list[date] = dates.astype("datetime64[D]").tolist()
    found = []
    for first, stop in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        lowest = first + int(drawdowns[first:stop].argmin())
        end = days[stop] if stop < len(days) else None
        depth = float(drawdowns[lowest])
        found.append(DrawdownPeriod(days[first], days[lowest], end, depth, stop - first))
    return sorted(found, key=lambda one: one.depth)[:most]
