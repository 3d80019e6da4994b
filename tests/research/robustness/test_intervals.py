"""Bootstrap intervals: how often they hold the truth, and what they are without variance."""

import numpy as np
import pytest

from research.robustness.intervals import compute_intervals

YEAR, REPLICATIONS, BARS = 252, 60, 756
SHARPE = 1 / np.sqrt(YEAR)


@pytest.mark.parametrize("phi", [0.1, 0.3])
def test_intervals_hold_the_truth_in_95_percent_of_cases(phi):
    values = np.random.default_rng(1).standard_normal((REPLICATIONS, 100 + BARS))
    for bar in range(1, values.shape[1]):
        values[:, bar] += phi * values[:, bar - 1]
    curves = values[:, 100:] * np.sqrt(1 - phi**2) + SHARPE
    found = [
        compute_intervals(one, YEAR, draws=199, seed=number) for number, one in enumerate(curves)
    ]
    mean = np.mean(
        [low <= SHARPE * YEAR <= high for low, high in (one.annual_return for one in found)]
    )
    sharpe = np.mean([low <= 1 <= high for low, high in (one.annual_sharpe for one in found)])
    # 93 to 97 % as measured on a thousand, and three standard errors of this many.
    error = 3 * np.sqrt(0.95 * 0.05 / REPLICATIONS)
    assert min(mean, sharpe) >= 0.93 - error
    widths = [one.annual_sharpe[1] - one.annual_sharpe[0] for one in found]
    # By the variance of a mean with this autocorrelation; those of 90 % are 16 % widthser.
    expected = 2 * 1.96 * np.sqrt((1 + phi) / (1 - phi) / (BARS / YEAR))
    assert np.mean(widths) == pytest.approx(expected, rel=0.1)


def test_intervals_follow_the_unit_and_the_seed():
    curve = np.random.default_rng(2).standard_normal(300) * 0.01
    one, other = compute_intervals(curve, YEAR), compute_intervals(curve * 3, YEAR)
    assert compute_intervals(curve, YEAR) == one
    assert compute_intervals(curve, YEAR, seed=1) != one
    assert other.annual_sharpe == pytest.approx(one.annual_sharpe)
    assert other.annual_return == pytest.approx([3 * end for end in one.annual_return])
    wider = compute_intervals(curve, YEAR, level=0.99)
    assert wider.annual_return[0] < one.annual_return[0] < one.annual_return[1]


def test_curve_without_variance_has_no_intervals():
    for curve in (np.zeros(100), np.array([0.1, 0.2])):
        one = compute_intervals(curve, YEAR)
        assert np.isnan([*one.annual_return, *one.annual_sharpe, one.block]).all()
