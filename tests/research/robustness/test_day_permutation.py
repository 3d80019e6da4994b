"""Permuted days: what stays of each bar, and a search that only the order of days helps."""

from dataclasses import fields

import numpy as np
import pytest

from engine.history import History
from engine.settings import BacktestSettings, Window
from research.robustness.day_permutation import compare_with_permuted_days, permute_days
from research.robustness.performance import Performance
from research.robustness.permuted_sweep import compare_sweep_with_permuted_days
from research.robustness.simulation import simulate_universe
from strategies.base import Bars
from strategies.rsi import Rsi
from strategies.sma_cross import SmaCross
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


def test_sweep_is_judged_by_its_highest_active_point():
    settings, points = BacktestSettings(), [SmaCross(3, slow) for slow in (6, 9, 12)]
    universe = simulate_universe(HISTORIES, points, settings, WINDOW)
    result = compare_sweep_with_permuted_days(
        points, HISTORIES, settings, WINDOW, bars_per_year=252.0, permutations=2
    )
    sharpes = [Performance.of(one, 252.0).annual_sharpe for one in universe.residuals]
    assert result.statistic == pytest.approx(max(sharpes))
    # Without a point that trades there is nothing that the order of days could explain.
    never = compare_sweep_with_permuted_days(
        [Rsi(oversold=0.0)], HISTORIES, settings, WINDOW, bars_per_year=252.0, permutations=2
    )
    assert (never.statistic, never.p_value) == (-np.inf, 1.0)
