"""Galwey's number: N for uncorrelated trials, 1 for copies, and what Galwey's formula says."""

import numpy as np
import pytest

from research.statistics.effective_trials import count_effective_trials

RNG = np.random.default_rng(1)


def test_uncorrelated_count_each_and_copies_as_one():
    orthogonal = np.linalg.qr(RNG.standard_normal((50, 8)))[0].T
    orthogonal -= orthogonal.mean(axis=1, keepdims=True)
    assert count_effective_trials(np.linalg.svd(orthogonal, full_matrices=False)[2]) == (
        pytest.approx(8, abs=0.2)
    )
    copies = np.outer(RNG.uniform(1, 3, 400), RNG.standard_normal(60)) + 0.1
    assert count_effective_trials(copies) == pytest.approx(1, abs=1e-9)
    assert count_effective_trials(copies[:20]) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("shape", [(40, 90), (90, 40)])
def test_number_is_that_of_the_correlation_matrix(shape):
    returns = RNG.standard_normal(shape) + RNG.standard_normal(shape[1])
    values = np.clip(np.linalg.eigvalsh(np.corrcoef(returns)), 0, None)
    expected = np.sqrt(values[values > 1e-12]).sum() ** 2 / len(returns)
    assert count_effective_trials(returns) == pytest.approx(expected, abs=1e-4)


def test_trials_without_variance_do_not_count():
    returns = RNG.standard_normal((5, 30))
    still = np.vstack([returns, np.zeros((2, 30)), np.full(30, 0.1)])
    assert count_effective_trials(still) == count_effective_trials(returns)
    assert count_effective_trials(still[5:]) == 0.0
