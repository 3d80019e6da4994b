"""The cone: quantiles of the draws that intervals are from."""

import numpy as np

from research.robustness.growth_cone import compute_growth_cone
from research.statistics.stationary_bootstrap import draw_indices


def test_the_cone_is_of_the_draws_of_the_bootstrap():
    returns = np.random.default_rng(1).normal(0.0005, 0.01, 203)
    cone = compute_growth_cone(returns, 10.0, draws=199, level=0.9)
    assert cone.bars.tolist() == [*range(5, 201, 5), 203]
    drawn = returns[draw_indices(203, 199, 10.0, np.random.default_rng(0))]
    growth = np.array([np.prod(1.0 + drawn[:, :bars], axis=1) for bars in cone.bars])
    for found, share in ((cone.low, 0.05), (cone.median, 0.5), (cone.high, 0.95)):
        np.testing.assert_allclose(found, np.quantile(growth, share, axis=1), rtol=1e-12)
    assert cone.losing == (growth[-1] < 1.0).mean()


def test_the_cone_of_a_constant_curve_is_the_curve():
    cone = compute_growth_cone(np.full(50, 0.01), 10.0, draws=20, level=0.95)
    for found in (cone.low, cone.median, cone.high):
        np.testing.assert_allclose(found, 1.01**cone.bars)
