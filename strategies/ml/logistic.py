"""Logistic regression with a ridge, by Newton's method."""

import numpy as np

from strategies.base import Floats
from strategies.portable import exp, solve_one

_ITERATIONS = 8


def fit(rows: Floats, outcomes: Floats, ridge: float) -> Floats:
    """Return the weights of a logistic regression, shape (k + 1,): those of the rows, intercept.

    They minimize the negative log-likelihood + ridge / 2 |w|^2, the intercept left out (Hastie,
    Tibshirani and Friedman, "The Elements of Statistical Learning", section 4.4.1: iteratively
    reweighted least squares). With a ridge of 1 and rows within 0 and 1, eight steps from 0 are
    exact to rounding, except where all outcomes are the same: the intercept would go on for ever.

    Parameters
    ----------
    rows
        Shape (n, k).
    outcomes
        0 or 1, shape (n,).
    """
    x = np.column_stack([rows, np.ones(len(rows))])
    penalty = np.full(x.shape[1], ridge)
    # Almost none: outcomes of one kind alone have no best intercept.
    penalty[-1] = 1e-6
    weights = np.zeros(x.shape[1])
    for _ in range(_ITERATIONS):
        chances = _squash(x, weights)
        # Sums over rows by einsum: no BLAS, whose sums depend on the number of threads.
        slope = np.einsum("ni,n->i", x, chances - outcomes) + penalty * weights
        weighted = x * (chances * (1.0 - chances))[:, np.newaxis]
        curvature = np.einsum("ni,nj->ij", weighted, x) + np.diag(penalty)
        weights = weights - solve_one(curvature, slope)
    return weights


def predict(weights: Floats, rows: Floats) -> Floats:
    """Return the probability of outcome 1 of each row, shape (n,)."""
    return _squash(np.column_stack([rows, np.ones(len(rows))]), weights)


def _squash(x: Floats, weights: Floats) -> Floats:
    return 1.0 / (1.0 + exp(-(x * weights).sum(axis=1)))
