"""Permuted days: what stays of each bar, and a search that only the order of days helps."""

from dataclasses import fields

import numpy as np
import pytest

from engine.history import History
from engine.settings import Window
from research.robustness.day_permutation import compare_with_permuted_days, permute_days
from strategies.base import Bars
from tests.bars import random_history

HISTORIES = [random_history(name, bars, bars) for name, bars in (("A", 120), ("B", 120), ("C", 90))]
WINDOW = Window(HISTORIES[0].dates[20], HISTORIES[0].dates[109])


def _returns(history, first, end):
    return history.bars.close[first:end] / history.bars.close[first - 1 : end - 1]


def test_days_move_together_and_keep_their_bars():
    permuted = permute_days(HISTORIES, WINDOW, np.random.default_rng(1))
    orders = []
    for before, after, end in zip(HISTORIES, permuted, (110, 110, 90), strict=True):
        old, new = _returns(before, 20, end), _returns(after, 20, end)
        assert np.sort(new) == pytest.approx(np.sort(old))
        assert new != pytest.approx(old)
        orders.append(np.abs(old - new[:, np.newaxis]).argmin(axis=1))
        order = orders[-1]
        for name in ("open", "high", "low"):
            ratios = [getattr(one.bars, name) / one.bars.close for one in (before, after)]
            assert ratios[1][20:end] == pytest.approx(ratios[0][20:end][order])
        np.testing.assert_array_equal(after.bars.volume[20:end], before.bars.volume[20:end][order])
        np.testing.assert_array_equal(after.bars.close[:20], before.bars.close[:20])
        assert after.bars.close[end - 1] == pytest.approx(before.bars.close[end - 1])
    np.testing.assert_array_equal(orders[0], orders[1])
    # The one with fewer bars has its days in the same order.
    np.testing.assert_array_equal(orders[2], orders[0][orders[0] < 70])


def test_symbol_with_missing_days_keeps_the_order_of_the_others():
    whole, kept = HISTORIES[0], np.arange(120) % 3 != 0
    bars = Bars(*(getattr(whole.bars, field.name)[kept] for field in fields(Bars)))
    gappy = History("G", whole.dates[kept], bars)
    moved = permute_days([whole, gappy], WINDOW, np.random.default_rng(1))
    # Volumes say which day stands where.
    order = [one for one in moved[0].bars.volume[20:110] if one in bars.volume]
    first, end = gappy.dates.searchsorted(WINDOW.days).tolist()
    assert moved[1].bars.volume[first:end].tolist() == order


def test_p_value_counts_permutations_that_reach_the_statistic():
    def run(histories):
        return float(np.median(np.log(histories[0].bars.close[20:110])))

    result = compare_with_permuted_days(run, HISTORIES, WINDOW, permutations=30, seed=4)
    assert result.statistic == run(HISTORIES)
    assert len(set(result.permuted)) == 30
    reached = np.count_nonzero(np.array(result.permuted) >= result.statistic)
    assert result.p_value == (1 + reached) / 31
    # What does not depend on the order is reached by every permutation, up to rounding.
    best = compare_with_permuted_days(lambda some: float(len(some)), HISTORIES, WINDOW)
    assert best.p_value == 1.0
