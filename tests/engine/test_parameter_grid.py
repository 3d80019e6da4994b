"""Sweeps: the grid of the ranges, skipped points and invalid ranges."""

from collections import Counter
from datetime import date
from itertools import product
from typing import Any

import numpy as np
import pytest

from engine.backtest import VectorBTEngine
from engine.parameter_grid import build_grid, sweep
from engine.settings import Window
from strategies import indicators
from strategies.errors import InvalidParameterError, UnknownStrategyError
from strategies.registry import STRATEGY_TEMPLATES, registered_strategies
from strategies.sma_cross import SmaCross
from tests.bars import random_history

WINDOW = Window(date(2021, 1, 1), date(2022, 12, 31))
HISTORIES = [random_history("A", 300, 1), random_history("B", 260, 2)]


@pytest.mark.parametrize("name", sorted(registered_strategies()))
def test_every_point_of_the_full_ranges_is_run_or_skipped(name: str):
    grid = build_grid(name)
    ranges = STRATEGY_TEMPLATES[name]["ranges"]
    points = [dict(zip(ranges, values, strict=True)) for values in product(*ranges.values())]
    made = [strategy.parameters() for strategy in grid.strategies]
    assert len(made) + len(grid.skipped) == len(points)
    assert [point for point in points if point not in grid.skipped] == made


def test_sweep_results_are_ordered_by_symbol_then_parameters():
    outcome = sweep(
        VectorBTEngine(),
        HISTORIES,
        "sma_cross",
        WINDOW,
        {"fast_period": [5, 20], "slow_period": [20, 30]},
    )
    pairs = [(5, 20), (5, 30), (20, 30)]
    assert [(r.symbol, r.strategy) for r in outcome.results] == [
        (symbol, SmaCross(*pair)) for symbol in ("A", "B") for pair in pairs
    ]
    assert outcome.skipped == [{"fast_period": 20, "slow_period": 20}]
    assert outcome.failures == []
    assert outcome.table()["fast_period"].tolist() == [5, 5, 20] * 2


def test_without_ranges_the_default_ranges_are_swept():
    outcome = sweep(VectorBTEngine(), HISTORIES, "sma_cross", WINDOW)
    assert len(outcome.results) == 2 * 15
    assert outcome.skipped == [{"fast_period": 20, "slow_period": 20}]


def test_a_shared_indicator_is_computed_once_per_symbol(monkeypatch: pytest.MonkeyPatch):
    computed: Counter[int] = Counter()
    split = indicators._split

    def counted(period: int) -> tuple[int, int]:
        computed[period] += 1
        return split(period)

    monkeypatch.setattr(indicators, "_split", counted)
    sweep(VectorBTEngine(), HISTORIES, "sma_cross", WINDOW).table([])
    assert {5, 10, 15, 20, 30, 50, 100} < computed.keys()
    assert set(computed.values()) == {len(HISTORIES)}


def test_a_parameter_left_out_keeps_its_default():
    assert build_grid("sma_cross", {"slow_period": [30, 40]}).strategies == [
        SmaCross(10, 30),
        SmaCross(10, 40),
    ]
    assert build_grid("sma_cross", {}).strategies == [SmaCross()]


def test_any_sequence_is_a_range():
    expected = [SmaCross(fast) for fast in (5, 6, 7)]
    several: list[Any] = [[5, 6, 7], (5.0, 6.0, 7.0), range(5, 8), np.arange(5, 8)]
    for values in several:
        assert build_grid("sma_cross", {"fast_period": values}).strategies == expected


@pytest.mark.parametrize(
    ("ranges", "message"),
    [
        ({"fast_period": []}, "The range of sma_cross's 'fast_period' has no value."),
        (
            {"fast_perod": [5]},
            "no parameter 'fast_perod'. Did you mean 'fast_period'? Allowed: fast_period, slow_",
        ),
        ({"fast_period": [5, 1]}, "fast_period of 2 or more, but got 1"),
        ({"fast_period": [5, 5.5]}, "fast_period to be a whole number, but got 5.5"),
        (
            {"fast_period": [30, 40], "slow_period": [20]},
            "all 2 break a rule between parameters, the first of them {'fast_period': 30, 'slow_p",
        ),
    ],
)
def test_an_invalid_range_is_refused(ranges: dict, message: str):
    with pytest.raises(InvalidParameterError) as refused:
        sweep(VectorBTEngine(), HISTORIES, "sma_cross", WINDOW, ranges)
    assert message in str(refused.value)


def test_an_unknown_strategy_is_refused():
    with pytest.raises(UnknownStrategyError, match="Did you mean 'sma_cross'"):
        sweep(VectorBTEngine(), HISTORIES, "sma_cros", WINDOW)


def test_a_sweep_counts_indicator_hits_and_misses():
    outcome = sweep(VectorBTEngine(), HISTORIES, "sma_cross", WINDOW)
    points = len(outcome.results) // len(HISTORIES)
    # Four fast averages and four slow ones, 20 among both, for two of each point.
    assert outcome.indicators.misses == len(HISTORIES) * 7
    assert outcome.indicators.hits == len(HISTORIES) * (2 * points - 7)
