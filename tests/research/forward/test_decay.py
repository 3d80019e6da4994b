"""Alarms of decay: how often they are false, and when they come once an edge has died."""

import math

import numpy as np
import pytest

from research.forward.decay import ALARM_EVERY_YEARS, find_threshold, watch_decay
from research.forward.expectation import Expectation
from strategies.base import Floats
from tests.research.forward.returns import CASES, YEAR, draw

BETA = 0.8


def _watch(before: Floats, after: Floats, market: Floats) -> np.ndarray:
    """Return the alarms of one strategy, whose expectation is frozen in between."""
    expectation = Expectation.of(before, market[: len(before)])
    assert expectation is not None
    residuals = expectation.residuals(after, market[len(before) :])
    return watch_decay(expectation, residuals, YEAR).alarms


def _alarms(case: str, before: float, after: float, years: int, history: int) -> np.ndarray:
    """Return the alarms of 250 strategies by day, with these Sharpe ratios per year."""
    rng = np.random.default_rng([7, CASES.index(case), history, int(10 * before)])
    count, bars = 250, years * YEAR
    curves = draw(case, (count, history + bars), rng)
    market = draw(case, (1, history + bars), rng)[0] + 0.03
    curves[:, :history] += before / math.sqrt(YEAR)
    curves[:, history:] += after / math.sqrt(YEAR)
    curves += BETA * market
    return np.array([_watch(one[:history], one[history:], market) for one in curves])


@pytest.mark.parametrize("case", CASES)
def test_false_alarms_are_fewer_than_one_per_strategy_year(case: str):
    rates = [
        _alarms(case, sharpe, sharpe, years=3, history=history).sum() / (250 * 3)
        for sharpe in (0.0, 2.0)
        for history in (YEAR, 3 * YEAR)
    ]
    assert max(rates) < 0.9, rates
    assert min(rates) > 0.2, rates


@pytest.mark.parametrize(("sharpe", "at_most"), [(1.0, 250), (2.0, 140), (3.0, 95)])
def test_an_edge_that_dies_is_noticed(sharpe: float, at_most: int):
    alarms = _alarms("normal", sharpe, 0.0, years=4, history=3 * YEAR)
    assert alarms.any(axis=1).mean() > 0.95
    delay = np.median(np.where(alarms.any(axis=1), alarms.argmax(axis=1) + 1, np.inf))
    alive = _alarms("normal", sharpe, sharpe, years=4, history=3 * YEAR)
    assert delay <= at_most
    assert alarms.sum() > 2.0 * alive.sum()


def test_the_statistic_by_hand():
    expectation = Expectation(756, 0.0, 0.01, 0.5, 0.001, 0.01)
    edge = 0.1
    threshold = find_threshold(edge, ALARM_EVERY_YEARS * YEAR)
    residuals = np.array([0.001, -0.009, 0.051, -0.2, 0.001])
    found = watch_decay(expectation, residuals, YEAR)
    steps = [-0.05, 0.95, -5.05, 20.05, -0.05]
    levels = [0.0, 0.95, 0.0, 20.05, 0.0]
    assert steps == pytest.approx((0.001 - residuals) / 0.01 - 0.05)
    assert found.level == pytest.approx(np.minimum(np.array(levels) / threshold, 1.0))
    assert found.alarms.tolist() == [False, False, False, True, False]


def test_the_threshold_solves_the_approximation_of_siegmund():
    for edge, bars in ((0.063, 504), (0.126, 504), (0.19, 730), (0.3, 252)):
        x = edge * (find_threshold(edge, bars) + 1.166)
        assert 2.0 * (math.exp(x) - x - 1.0) / edge**2 == pytest.approx(bars)
    assert find_threshold(3.0, 1.0) == 1.0


def test_normal_steps_alarm_as_often_as_the_threshold_says():
    rng = np.random.default_rng(11)
    for sharpe in (1.0, 2.0):
        edge = sharpe / math.sqrt(YEAR)
        known = Expectation(10**9, 0.0, 1.0, 0.0, edge, 1.0)
        drawn = edge + rng.standard_normal(500 * YEAR)
        alarms = watch_decay(known, drawn, YEAR).alarms.sum()
        assert 500 / alarms == pytest.approx(ALARM_EVERY_YEARS, rel=0.2)
