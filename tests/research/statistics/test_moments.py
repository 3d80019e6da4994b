"""Moments by row: those of SciPy, with raw kurtosis, and none without variance."""

import numpy as np
import pytest
from scipy import stats

from research.errors import InvalidCurvesError
from research.statistics.moments import compute_moments, compute_sharpes

RETURNS = np.random.default_rng(1).standard_t(5, (7, 251)) * 0.01 + 0.001


@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_moments_are_those_of_scipy(kind):
    returns = RETURNS.astype(kind)
    moments = compute_moments(returns)
    exact = returns.astype(float)
    sharpe = exact.mean(axis=1) / exact.std(axis=1, ddof=1)
    np.testing.assert_allclose(moments.sharpe, sharpe, rtol=1e-12)
    np.testing.assert_allclose(compute_sharpes(returns), sharpe, rtol=1e-12)
    np.testing.assert_allclose(moments.skew, stats.skew(exact, axis=1), rtol=1e-10)
    raw = stats.kurtosis(exact, axis=1, fisher=False)
    np.testing.assert_allclose(moments.kurtosis, raw, rtol=1e-12)


def test_curve_without_variance_has_no_moments():
    returns = np.vstack([RETURNS[0], np.full(251, 0.1), np.zeros(251)])
    moments = compute_moments(returns)
    for values in (moments.sharpe, moments.skew, moments.kurtosis, compute_sharpes(returns)):
        assert np.isnan(values).tolist() == [False, True, True]


@pytest.mark.parametrize(
    ("returns", "message"),
    [
        (np.zeros(3), r"Curves have shape \(3,\); allowed is \(trials, bars\)\."),
        (np.zeros((2, 1)), "There are 2 curves of 1 bars; at least 1 of 2 are needed."),
        (np.array([[0.1, 0.2], [0.3, np.nan]]), "Curve 1 is nan at bar 1"),
    ],
)
def test_curves_that_are_none_are_refused(returns, message):
    with pytest.raises(InvalidCurvesError, match=message):
        compute_moments(returns)
