"""Reductions that metrics share: along one backtest's bars, without rounding noise.

Every reduction runs along one backtest's bars, which lie side by side in memory: a backtest gives
the same bits alone and in any block.
"""

import numpy as np

from strategies.base import Floats

# Returns, and what is computed from them, are rounded to some 1e-16; vectorbt draws the same line
# for the variance in beta.
ROUNDING = 1e-15


def sample_deviation(values: Floats, mean: Floats) -> Floats:
    """Return each row's sample deviation, shape (N,); NaN for a single value."""
    distance = values - mean[:, None]
    squares = sum_products(distance, distance)
    return drop_noise(np.sqrt(squares / (values.shape[1] - 1 or np.nan)))


def sum_products(left: Floats, right: Floats) -> Floats:
    """Return the sum of left * right along each row, shape (N,), without a matrix between."""
    return np.einsum("nt,nt->n", left, right)


def drop_noise(figure: Floats) -> Floats:
    """Return `figure` with 0 for what only rounding can have made.

    Buying at a close and being worth that close a moment later is a return of 0, and may come
    out as 1e-16; a ratio to that would be a number, and none that means anything.
    """
    return np.where(np.abs(figure) < ROUNDING, 0.0, figure)


def find_lowest(returns: Floats, count: int) -> Floats:
    """Return each row's `count` lowest returns in ascending order, shape (N, count).

    Only the losses are sorted: a partition of all returns takes five times as long, and twenty
    times where most of them are the zeros of bars without a position.
    """
    losses = returns < 0.0
    number = np.count_nonzero(losses, axis=1)
    width = max(count, number.max(initial=0))
    lowest = np.zeros((len(returns), width))
    lowest[np.arange(width) < number[:, None]] = returns[losses]
    lowest.sort(axis=1)
    few = np.flatnonzero(number < count)
    # Zeros follow the losses, if there are so many; otherwise gains do.
    few = few[np.count_nonzero(returns[few] <= 0.0, axis=1) < count]
    lowest[few, :count] = np.sort(returns[few], axis=1)[:, :count]
    return lowest[:, :count]
