"""The automatic block length, beside arch."""

import numpy as np
import pytest
from arch.bootstrap import optimal_block_length

from research.statistics.block_length import choose_block_length


def autoregressive(phi: float, bars: int, seed: int) -> np.ndarray:
    shocks = np.random.default_rng(seed).standard_normal(bars)
    values = shocks.copy()
    for bar in range(1, bars):
        values[bar] = phi * values[bar - 1] + shocks[bar]
    return values


@pytest.mark.parametrize("phi", [-0.4, 0.0, 0.3, 0.8, 0.99])
def test_block_length_is_that_of_arch(phi):
    for seed, bars in ((1, 60), (2, 756), (3, 2000)):
        values = autoregressive(phi, bars, seed) * 0.01 + 0.001
        expected = float(optimal_block_length(values)["stationary"].iloc[0])
        assert choose_block_length(values) == pytest.approx(max(1.0, expected), rel=1e-6)


def test_curve_without_variance_has_blocks_of_one_bar():
    assert [choose_block_length(np.full(bars, 0.5)) for bars in (1, 3, 100)] == [1.0] * 3
