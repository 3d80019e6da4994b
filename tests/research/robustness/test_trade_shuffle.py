"""Shuffled trades: drawdowns by hand, and in every order."""

from itertools import permutations

import numpy as np
import pytest

from research.robustness.trade_shuffle import shuffle_trades


def test_drawdowns_are_those_of_all_orders():
    growth = np.array([0.8, 1.5, 0.9])
    result = shuffle_trades([growth], draws=400)
    assert result.drawdown == pytest.approx(0.2)  # the first loss, from the capital
    deepest = []
    for order in permutations(growth):
        level = np.concatenate([[1.0], np.cumprod(order)])
        deepest.append((1 - level / np.maximum.accumulate(level)).max())
    assert result.low == pytest.approx(min(deepest))
    assert result.high == pytest.approx(max(deepest))
    assert result.high == pytest.approx(1 - 0.8 * 0.9)
    assert result.deeper == pytest.approx(np.mean(np.array(deepest) >= 0.2 - 1e-12), abs=0.1)


def test_drawdown_is_the_mean_over_symbols():
    result = shuffle_trades([np.array([0.5]), np.array([2.0, 0.9, 1.0]), np.array([1.2])])
    assert result.drawdown == pytest.approx((0.5 + 0.1 + 0.0) / 3)
    assert (result.low, result.high, result.deeper) == pytest.approx((0.2, 0.2, 1.0))
    assert result.trades == 5


def test_no_trades_have_no_drawdown():
    for growth in ([], [np.empty(0)]):
        result = shuffle_trades(growth)
        assert np.isnan([result.drawdown, result.low, result.median, result.high]).all()
        assert result.trades == 0
