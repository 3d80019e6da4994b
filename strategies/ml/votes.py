"""How the positions of several strategies become one number: three ways to weight them.

Each is a model for `strategies.ml.walk_forward.predict_by_labels`: rows are the members' positions,
0 or 1, shape (n, m); labels are returns, shape (n,).
"""

import numpy as np

from strategies.base import Bools, Floats, Signals
from strategies.ml import logistic

# Rows that a weight is measured on at least.
_LEAST_ROWS = 60


def hold(signals: Signals) -> Bools:
    """Return whether a long position is held after each bar's signals, shape (n,).

    Each signal lasts until the next; an entry and an exit on one bar cancel out, as in the engine.
    """
    turns = signals.entries != signals.exits
    last = np.maximum.accumulate(np.where(turns, np.arange(len(turns)), -1))
    return np.where(last >= 0, signals.entries[last], False)


def weigh_equally(positions: Floats, returns: Floats) -> Floats:
    """Return the same weight for every member; nothing is learned."""
    del returns
    return np.full(positions.shape[1], 1.0 / positions.shape[1])


def weigh_by_sharpe(positions: Floats, returns: Floats) -> Floats | None:
    """Return weights in proportion to members' Sharpe ratios, 0 where that is not positive.

    Of what they earned before costs; all are 0 where nobody earned anything, None for fewer than 60
    rows. Members have fixed parameters, or learn walk-forward themselves: all that they earned is
    out of their sample.
    """
    if len(returns) < _LEAST_ROWS:
        return None
    earned = positions * returns[:, np.newaxis]
    deviations = earned.std(axis=0)
    sharpes = earned.mean(axis=0) / np.where(deviations > 0.0, deviations, np.inf)
    kept = np.maximum(sharpes, 0.0)
    total = kept.sum()
    return kept / total if total > 0.0 else kept


def count_votes(weights: Floats, positions: Floats) -> Floats:
    """Return the weight of the members that hold a position, 0 to 1, shape (n,)."""
    return (positions * weights).sum(axis=1)


def stack(positions: Floats, returns: Floats) -> Floats | None:
    """Return a logistic regression of rising prices on positions; None for fewer than 60 rows."""
    if len(returns) < _LEAST_ROWS:
        return None
    return logistic.fit(positions, (returns > 0.0).astype(np.float64), ridge=1.0)


WEIGHTINGS = {
    "equal": (weigh_equally, count_votes),
    "sharpe": (weigh_by_sharpe, count_votes),
    "stacked": (stack, logistic.predict),
}
"""By name: how members are weighted, and what becomes of their positions."""
