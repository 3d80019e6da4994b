"""Combinatorially symmetric cross-validation: what the best trial does out of sample."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from research.errors import InvalidCurvesError
from research.statistics.curves import check_curves
from strategies.base import Floats
from strategies.portable import log

DEFAULT_BLOCKS = 10
"""S: 252 splits."""

# Of a difference of sums of squares: less is rounding, and the trial stood still.
_ROUNDING = 1e-12
_SPLITS_AT_ONCE = 512


@dataclass(frozen=True, eq=False)
class CrossValidation:
    """The best trial of each split's half, and what it does in the other half.

    Parameters
    ----------
    chosen
        Number of the trial with the highest Sharpe ratio in sample, the first among equals,
        shape (number of splits,).
    in_sample, out_of_sample
        Its Sharpe ratios per bar in both halves, same shape.
    logits
        log(w / (1 - w)), w its rank out of sample / (N + 1), mean rank among equals, same shape.
    """

    chosen: NDArray[np.intp]
    in_sample: Floats
    out_of_sample: Floats
    logits: Floats

    @property
    def overfitting(self) -> float:
        """PBO: the share of splits whose best trial is below the median out of sample.

        It measures whether ranks persist, not whether anything is earned: with costs, PBO < 0.5
        holds for 91 % of searches without skill. See `loss`.
        """
        return float((self.logits < 0.0).mean())

    @property
    def loss(self) -> float:
        """The share of splits whose best trial loses out of sample: Sharpe ratio below 0."""
        return float((self.out_of_sample < 0.0).mean())


def cross_validate(returns: NDArray[np.floating], blocks: int = DEFAULT_BLOCKS) -> CrossValidation:
    """Return the best trial of each half of the blocks of bars, and its fate in the other half.

    Source: Bailey, Borwein, Lopez de Prado & Zhu 2017, The probability of backtest overfitting,
    Journal of Computational Finance 20(4).

    Bars are cut into S contiguous blocks, the first ones longer by a bar where T is no multiple of
    S. A trial without variance in a half has a Sharpe ratio of 0 there. Only sums and products of
    single numbers are taken, no matrix product: the same bits on every machine, and trials that
    are copies of each other are equal.

    Parameters
    ----------
    returns
        Shape (N, T), N at least 1: with a single trial PBO is 0, and `loss` still says something.
    blocks
        S, even; there are S! / (S/2)!^2 splits.

    Raises
    ------
    InvalidCurvesError
        When S is odd or below 2, there are fewer than two bars per block, or a value is not finite.
    """
    if blocks < 2 or blocks % 2:  # noqa: PLR2004
        raise InvalidCurvesError(
            f"Cross-validation has {blocks} blocks; allowed is an even number."
        )
    curves = check_curves(returns, bars=2 * blocks)
    parts = [_choose(inside, outside) for inside, outside in _score_halves(curves, blocks)]
    return CrossValidation(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def _choose(inside: Floats, outside: Floats) -> tuple[NDArray[np.intp], Floats, Floats, Floats]:
    """Return the fields of `CrossValidation` from Sharpe ratios of shape (splits, N)."""
    rows = np.arange(len(inside))
    chosen = inside.argmax(axis=1)
    reached = outside[rows, chosen]
    below = (outside < reached[:, np.newaxis]).sum(axis=1)
    equal = (outside == reached[:, np.newaxis]).sum(axis=1)
    share = (below + (equal + 1) / 2) / (inside.shape[1] + 1)
    return chosen, inside[rows, chosen], reached, log(share / (1.0 - share))


def _score_halves(curves: Floats, blocks: int) -> Iterator[tuple[Floats, Floats]]:
    """Yield Sharpe ratios in and out of sample, each of shape (some splits, N)."""
    bars = curves.shape[1]
    lengths = np.full(blocks, bars // blocks)
    lengths[: bars % blocks] += 1
    first = np.concatenate(([0], lengths.cumsum()[:-1]))
    # Deviations from the whole mean: the difference of squares below then keeps its digits.
    mean = curves.mean(axis=1, keepdims=True)
    distance = curves - mean
    sums = np.add.reduceat(distance, first, axis=1)
    squares = np.add.reduceat(distance * distance, first, axis=1)
    halves = np.array(list(combinations(range(blocks), blocks // 2)))
    # Both orders of a split are there: the other half of split k is split -1 - k.
    for start in range(0, len(halves), _SPLITS_AT_ONCE):
        some = slice(start, start + _SPLITS_AT_ONCE)
        inside, outside = (
            _score(half, sums, squares, lengths, mean[:, 0])
            for half in (halves[some], halves[::-1][some])
        )
        yield inside, outside


def _score(
    halves: NDArray[np.intp],
    sums: Floats,
    squares: Floats,
    lengths: NDArray[np.intp],
    mean: Floats,
) -> Floats:
    """Return the Sharpe ratios of halves, shape (len(halves), N): block after block is added."""
    total = np.zeros((len(halves), len(sums)))
    square = np.zeros_like(total)
    for block in halves.T:
        total += sums.T[block]
        square += squares.T[block]
    number = lengths[halves].sum(axis=1)[:, np.newaxis]
    shift = total / number
    spread = square - total * shift
    moving = spread > _ROUNDING * square
    deviation = np.sqrt(np.where(moving, spread, 1.0) / (number - 1))
    return np.where(moving, (mean + shift) / deviation, 0.0)
