"""The stationary bootstrap: its blocks, its seed, and its variance without any draw."""

import numpy as np
import pytest

from research.errors import InvalidCurvesError
from research.statistics.stationary_bootstrap import (
    compute_mean_variances,
    count_draws,
    draw_counts,
    draw_indices,
)

SEED_FIVE = [[0, 1, 0, 1, 2, 3, 4], [4, 5, 1, 1, 2, 3, 4]]


def test_blocks_are_geometric_and_wrap_around():
    index = draw_indices(50, 4000, 5.0, np.random.default_rng(1))
    assert (index.min(), index.max()) == (0, 49)
    follows = (np.diff(index, axis=1) % 50) == 1
    # A new block may begin at the very next bar, too.
    stays = 0.8 + 0.2 / 50
    assert follows.mean() == pytest.approx(stays, abs=4 * np.sqrt(stays * 0.2 / follows.size))
    both = (follows[:, 1:] & follows[:, :-1]).mean()
    assert both == pytest.approx(stays**2, abs=0.005)
    # Every bar is drawn as often, whether at the edge or in the middle.
    drawn = count_draws(index, 50).mean(axis=0)
    np.testing.assert_allclose(drawn, 1.0, atol=0.15)


def test_draws_of_a_seed_are_always_the_same():
    assert draw_indices(7, 2, 3.0, np.random.default_rng(5)).tolist() == SEED_FIVE
    counts = draw_counts(7, 2, 3.0, 5)
    assert counts.tolist() == [[row.count(bar) for bar in range(7)] for row in SEED_FIVE]
    assert (counts.dtype, counts.flags.writeable) == (np.float32, False)
    assert draw_counts(7, 2, 3.0, 6).tolist() != counts.tolist()


def test_blocks_of_one_bar_are_independent_draws():
    returns = np.random.default_rng(2).standard_normal((3, 41))
    np.testing.assert_allclose(compute_mean_variances(returns, 1.0), returns.var(axis=1))


@pytest.mark.parametrize("bars", [60, 61])
def test_variance_without_draws_is_that_of_the_draws(bars):
    returns = np.random.default_rng(3).standard_normal((2, bars)).cumsum(axis=1)
    means = draw_counts(bars, 10_000, 25.0, 1).astype(float) @ returns.T / bars
    exact = compute_mean_variances(returns, 25.0)
    np.testing.assert_allclose(bars * means.var(axis=0), exact, rtol=0.04)


@pytest.mark.parametrize(("bars", "draws", "block"), [(0, 1, 2), (1, 0, 2), (1, 1, 0.5)])
def test_bootstrap_of_nothing_is_refused(bars, draws, block):
    with pytest.raises(InvalidCurvesError, match="each of them is at least 1"):
        draw_indices(bars, draws, block, np.random.default_rng(1))
