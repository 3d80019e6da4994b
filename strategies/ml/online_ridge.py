"""Linear regression that is updated row by row and forgets: exponentially weighted ridge."""

from itertools import pairwise

import numpy as np

from strategies.base import Floats
from strategies.portable import solve


def fit_after_each_row(rows: Floats, labels: Floats, memory: int, ridge: float) -> Floats:
    """Return the weights that fit the rows so far, after each of them, shape (n, k).

    After row t they minimize sum over s <= t of d^(t - s) (y[s] - w . x[s])^2 + ridge |w|^2, with
    d = 1 - 1 / memory: the solution of the normal equations, whose sums are updated by each row. It
    is what recursive least squares (Haykin, "Adaptive Filter Theory", chapter 10) converges to,
    with a ridge that is not forgotten. Rows with NaN, or whose label is NaN, teach nothing.

    Parameters
    ----------
    rows
        Shape (n, k).
    labels
        Shape (n,).
    memory
        Mean age of what is remembered, in rows.
    ridge
        What pulls weights to 0, in rows' worth of a feature of size 1; above 0.
    """
    known = np.isfinite(rows).all(axis=1) & np.isfinite(labels)
    x = np.where(known[:, np.newaxis], rows, 0.0)
    y = np.where(known, labels, 0.0)
    width = rows.shape[1]
    sums = x[:, :, np.newaxis] * np.column_stack([x, y])[:, np.newaxis, :]
    _accumulate(sums, 1.0 - 1.0 / memory)
    # One small system per row: none depends on another, nor on the number of threads.
    systems = sums[:, :, :width] + ridge * np.eye(width)
    return solve(systems, sums[:, :, width])


def _accumulate(sums: Floats, decay: float) -> None:
    """Add to each entry along the first axis the one before it times `decay`, in place."""
    faded = np.empty_like(sums[0])
    for before, now in pairwise(sums):
        np.multiply(before, decay, out=faded)
        np.add(now, faded, out=now)
