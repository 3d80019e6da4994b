"""Residual returns: by hand, against NumPy's regression, and where the market is flat."""

import numpy as np
import pytest

from research.residuals import compute_betas, compute_residuals

RANDOM = np.random.default_rng(5)
MARKET = RANDOM.normal(0.0005, 0.01, 400)
CURVES = np.array([[1.5], [0.0], [-0.7]]) * MARKET + RANDOM.normal(0.0002, 0.004, (3, 400))


def test_a_residual_keeps_what_the_market_does_not_explain():
    market = np.array([0.01, -0.01, 0.03, -0.03])
    residuals, betas = compute_residuals(np.array([2 * market + 0.001, 0 * market]), market)
    assert betas.tolist() == pytest.approx([2.0, 0.0])
    assert residuals[0].tolist() == pytest.approx([0.001] * 4)
    assert residuals[1].tolist() == [0.0] * 4


def test_betas_are_least_squares_slopes():
    expected = [np.polyfit(MARKET, curve, 1)[0] for curve in CURVES]
    assert compute_betas(CURVES, MARKET).tolist() == pytest.approx(expected)
    residuals, _ = compute_residuals(CURVES, MARKET)
    uncorrelated = [np.corrcoef(one, MARKET)[0, 1] for one in residuals]
    assert uncorrelated == pytest.approx([0.0] * 3, abs=1e-12)


@pytest.mark.parametrize("daily", [0.0, 0.001, 0.1, 0.003])
def test_a_flat_market_explains_nothing(daily: float):
    residuals, betas = compute_residuals(CURVES, np.full(400, daily))
    assert betas.tolist() == [0.0] * 3
    assert np.array_equal(residuals, CURVES)


def test_a_curve_has_the_same_bits_alone_and_among_others():
    residuals, betas = compute_residuals(np.asfortranarray(CURVES), MARKET)
    for number, curve in enumerate(CURVES):
        alone, beta = compute_residuals(curve[np.newaxis], MARKET)
        assert np.array_equal(alone[0], residuals[number])
        assert beta[0] == betas[number]
