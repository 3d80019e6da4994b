"""Combinatorially symmetric cross-validation, beside purgedcv and cases worked out by hand."""

import numpy as np
import pytest
from purgedcv import probability_of_backtest_overfitting

from research.errors import InvalidCurvesError
from research.statistics.cross_validation import cross_validate

UP, DOWN = [1.0, 2.0, 1.0, 2.0], [-1.0, -2.0, -1.0, -2.0]


@pytest.mark.parametrize(("blocks", "bars"), [(2, 81), (6, 83), (8, 80)])
def test_splits_are_those_of_purgedcv(blocks, bars):
    rng = np.random.default_rng(blocks)
    returns = rng.standard_normal((9, bars)) * 0.01 + rng.normal(0, 0.002, (9, 1))
    returns[3] = returns[5]  # equal ranks
    returns[7, : bars // 2] = 0.0  # not invested in some blocks
    result = cross_validate(returns, blocks)
    oracle = probability_of_backtest_overfitting(returns, blocks)
    # purgedcv goes through the halves that are out of sample, this project through the others.
    np.testing.assert_allclose(result.logits[::-1], oracle.logits, rtol=1e-12)
    both = np.column_stack([result.in_sample, result.out_of_sample])[::-1]
    np.testing.assert_allclose(both, oracle.is_oos_performance, rtol=1e-9)
    assert result.overfitting == oracle.pbo
    assert result.loss == (oracle.is_oos_performance[:, 1] < 0).mean()


def test_mirrored_pair_is_always_overfitted():
    result = cross_validate(np.array([UP + DOWN, DOWN + UP]), 2)
    assert (result.overfitting, result.loss) == (1.0, 1.0)
    assert result.chosen.tolist() == [0, 1]
    np.testing.assert_allclose(result.logits, np.log(0.5))
    np.testing.assert_allclose(result.in_sample, 1.5 / np.std(UP, ddof=1))


def test_dominating_trial_is_never_overfitted():
    result = cross_validate(np.array([UP + UP, [-1, -2, -1, 2, -1, 1, -2, -1]]), 4)
    assert (result.overfitting, result.loss) == (0.0, 0.0)
    assert result.chosen.tolist() == [0] * 6


def test_copies_share_their_rank_and_the_first_is_chosen():
    copies = np.tile(np.random.default_rng(1).standard_normal(40), (33, 1))
    result = cross_validate(copies)
    assert not result.chosen.any()
    assert (result.logits == 0.0).all()
    assert len(result.logits) == 252
    alone = cross_validate(copies[:1])
    assert alone.overfitting == 0.0
    np.testing.assert_array_equal(alone.out_of_sample, result.out_of_sample)


def test_noise_is_overfitted_half_of_the_time():
    rng = np.random.default_rng(2)
    noise = [cross_validate(rng.standard_normal((40, 200)), 6).overfitting for _ in range(60)]
    # Published for 200 trials of 1,000 bars: 0.476 with a deviation of 0.137 over matrices.
    assert np.mean(noise) == pytest.approx(0.476, abs=4 * 0.2 / np.sqrt(60))
    skilled = rng.standard_normal((40, 200)) + np.where(np.arange(40) < 4, 0.3, 0.0)[:, np.newaxis]
    assert cross_validate(skilled).overfitting < 0.02


@pytest.mark.parametrize("blocks", [0, 3, -2])
def test_odd_number_of_blocks_is_refused(blocks):
    with pytest.raises(InvalidCurvesError, match=f"{blocks} blocks; allowed is an even number"):
        cross_validate(np.ones((2, 40)), blocks)


def test_blocks_of_a_single_bar_are_refused():
    with pytest.raises(InvalidCurvesError, match="at least 1 of 20 are needed"):
        cross_validate(np.ones((2, 19)))
