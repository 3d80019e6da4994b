"""A hidden Markov model of three states, each with returns of its own mean and variance.

Fitted by expectation maximization (Baum-Welch). L. R. Rabiner, "A Tutorial on Hidden Markov Models"
(1989), has the scaled recursions; J. D. Hamilton, "A New Approach to the Economic Analysis of
Nonstationary Time Series" (1989), the filter.

The recursions go through the bars one by one, with three states written out: on arrays of three
numbers NumPy would take ten times as long.
"""

from dataclasses import dataclass

import numpy as np

from strategies.base import Floats
from strategies.portable import exp, log

STATES = 3

LONGEST = 504
"""Rows that a model is fitted on at most: two years of daily bars."""

_LEAST_ROWS = 60
_FIRST_ITERATIONS = 10
_ITERATIONS = 2
_STICKINESS = 0.95
# Of the variance of all rows, below which no state goes: it would be one of equal returns.
_LEAST_VARIANCE = 1e-2
_LEAST_CHANCE = 1e-6
_LEAST_DEVIATION = 1e-12
# In rows, below which nothing is in a state.
_LEAST_TOTAL = 1e-6


@dataclass(frozen=True, eq=False)
class HiddenMarkov:
    """A fitted model; its states are in ascending order of variance.

    Parameters
    ----------
    means, variances
        Of each state, shape (3,).
    start
        Probabilities of the states at the first row, shape (3,).
    transitions
        From each state (row) to each, shape (3, 3).
    """

    means: Floats
    variances: Floats
    start: Floats
    transitions: Floats


def fit(returns: Floats, before: HiddenMarkov | None = None) -> HiddenMarkov | None:
    """Return a model of some returns, shape (n, 1); None for fewer than 60 or without variance.

    From the model `before`, of most of the same rows, it takes 2 iterations, otherwise 10: each
    makes the returns more likely, and none ends early, so that a fit does not depend on rounding.
    """
    x = returns[:, 0]
    if len(x) < _LEAST_ROWS or x.std() < _LEAST_DEVIATION:
        return None
    model = before or _guess(x)
    for _ in range(_ITERATIONS if before else _FIRST_ITERATIONS):
        model = improve(model, x)
    return _order(model)


def filter_states(model: HiddenMarkov, returns: Floats) -> Floats:
    """Return the probability of each state given the returns up to each row, shape (n, 3).

    Given those up to the row, not those after it, which `smooth_states` looks at too.
    """
    return _go_forward(model, _measure_densities(model, returns[:, 0]))[0]


def smooth_states(model: HiddenMarkov, returns: Floats) -> Floats:
    """Return the probability of each state given all returns, shape (n, 3): for fitting alone."""
    densities = _measure_densities(model, returns[:, 0])
    filtered, scales = _go_forward(model, densities)
    return filtered * _go_backward(model, densities / scales)


def improve(model: HiddenMarkov, x: Floats) -> HiddenMarkov:
    """Return the model after one iteration of expectation maximization, in its order of states.

    A state that no row is in stays as it was.
    """
    densities = _measure_densities(model, x)
    filtered, scales = _go_forward(model, densities)
    scaled = densities / scales
    backward = _go_backward(model, scaled)
    weights = filtered * backward
    arriving = scaled[1:] * backward[1:]
    # Sums over rows by einsum: no BLAS, whose sums depend on the number of threads.
    moves = np.einsum("ti,tj->ij", filtered[:-1], arriving) * model.transitions
    totals = weights.sum(axis=0)
    means = _share((weights * x[:, np.newaxis]).sum(axis=0), totals, model.means)
    squares = (weights * (x[:, np.newaxis] - means) ** 2).sum(axis=0)
    variances = _share(squares, totals, model.variances)
    return HiddenMarkov(
        means,
        np.maximum(variances, _LEAST_VARIANCE * x.var()),
        _bound(weights[0]),
        _bound(_share(moves, moves.sum(axis=1, keepdims=True), model.transitions)),
    )


def _bound(chances: Floats) -> Floats:
    """Return probabilities of which none is 0: from what is impossible there is no way back."""
    some = np.maximum(chances / chances.sum(axis=-1, keepdims=True), _LEAST_CHANCE)
    return some / some.sum(axis=-1, keepdims=True)


def _share(sums: Floats, totals: Floats, before: Floats) -> Floats:
    """Return sums as shares of totals, and what was `before` where there is no total."""
    some = totals > _LEAST_TOTAL
    return np.where(some, sums / np.where(some, totals, 1.0), before)


def measure_likelihood(model: HiddenMarkov, returns: Floats) -> float:
    """Return the logarithm of the likelihood of some returns, shape (n, 1)."""
    x = returns[:, 0]
    _, scales = _go_forward(model, _measure_densities(model, x))
    return float(log(scales).sum() + _measure_exponents(model, x).max(axis=1).sum())


def _guess(x: Floats) -> HiddenMarkov:
    """Return where the fit begins: the smaller half of the moves, the larger ones, the largest."""
    moves = np.abs(x - x.mean())
    state = np.searchsorted(np.quantile(moves, [0.5, 0.85]), moves)
    groups = [x[state == one] if (state == one).any() else x for one in range(STATES)]
    variances = np.array([group.var() for group in groups])
    stays = np.full((STATES, STATES), (1.0 - _STICKINESS) / (STATES - 1))
    np.fill_diagonal(stays, _STICKINESS)
    return HiddenMarkov(
        means=np.full(STATES, x.mean()),
        variances=np.maximum(variances, _LEAST_VARIANCE * x.var()),
        start=np.full(STATES, 1.0 / STATES),
        transitions=stays,
    )


def _order(model: HiddenMarkov) -> HiddenMarkov:
    order = np.argsort(model.variances, kind="stable")
    return HiddenMarkov(
        model.means[order],
        model.variances[order],
        model.start[order],
        model.transitions[order][:, order],
    )


def _measure_exponents(model: HiddenMarkov, x: Floats) -> Floats:
    distance = (x[:, np.newaxis] - model.means) ** 2 / model.variances
    return -0.5 * (distance + log(2.0 * np.pi * model.variances))


def _measure_densities(model: HiddenMarkov, x: Floats) -> Floats:
    """Return the density of each row in each state, as a share of the largest, shape (n, 3).

    Of a return far out all densities are 0 in floating point, but not their shares.
    """
    exponents = _measure_exponents(model, x)
    return exp(exponents - exponents.max(axis=1, keepdims=True))


def _go_forward(model: HiddenMarkov, densities: Floats) -> tuple[Floats, Floats]:
    """Return the filtered probabilities of each row, and its density given those before.

    Of shapes (n, 3) and (n, 1).
    """
    (a00, a01, a02), (a10, a11, a12), (a20, a21, a22) = model.transitions.tolist()
    p0, p1, p2 = model.start.tolist()
    found: list[tuple[float, float, float, float]] = []
    for b0, b1, b2 in densities.tolist():
        u0, u1, u2 = p0 * b0, p1 * b1, p2 * b2
        scale = u0 + u1 + u2
        u0, u1, u2 = u0 / scale, u1 / scale, u2 / scale
        found.append((u0, u1, u2, scale))
        p0 = u0 * a00 + u1 * a10 + u2 * a20
        p1 = u0 * a01 + u1 * a11 + u2 * a21
        p2 = u0 * a02 + u1 * a12 + u2 * a22
    filtered = np.array(found).reshape(-1, STATES + 1)
    return filtered[:, :STATES], filtered[:, STATES:]


def _go_backward(model: HiddenMarkov, scaled: Floats) -> Floats:
    """Return what the rows after each say of its states, as factors of filtered probabilities.

    Parameters
    ----------
    scaled
        Densities of each row, divided by its density given those before.
    """
    (a00, a01, a02), (a10, a11, a12), (a20, a21, a22) = model.transitions.tolist()
    n0 = n1 = n2 = 1.0
    found = [(n0, n1, n2)]
    for b0, b1, b2 in scaled[:0:-1].tolist():
        v0, v1, v2 = b0 * n0, b1 * n1, b2 * n2
        n0 = a00 * v0 + a01 * v1 + a02 * v2
        n1 = a10 * v0 + a11 * v1 + a12 * v2
        n2 = a20 * v0 + a21 * v1 + a22 * v2
        found.append((n0, n1, n2))
    return np.array(found[::-1])
