"""Points of a sweep: all of a grid, or some of it by a seed."""

import pytest

from engine.parameter_grid import build_grid
from research.sweep_spec import build_points
from strategies.base import Strategy
from strategies.errors import GauntletError
from strategies.registry import registered_strategies

RANGES = {"fast_period": [5, 10, 20], "slow_period": [10, 20, 30]}


def _values(points: list[Strategy]) -> list[tuple[int | float | str, ...]]:
    return [tuple(one.parameters().values()) for one in points]


def test_without_anything_given_all_full_ranges_are_tried():
    grids = {name: build_points(name) for name in registered_strategies()}
    assert {name: one.strategies for name, one in grids.items()} == {
        name: build_grid(name).strategies for name in grids
    }
    assert sum(len(one.strategies) for one in grids.values()) == 348


def test_points_that_break_a_rule_are_skipped_and_counted():
    grid = build_points("sma_cross", RANGES | {"fast_period": [5, 10, 20, 5.0]})
    expected = [(5, 10), (5, 20), (5, 30), (10, 20), (10, 30), (20, 30)]
    assert _values(grid.strategies) == expected
    assert grid.skipped == [
        {"fast_period": fast, "slow_period": slow} for fast, slow in ((10, 10), (20, 10), (20, 20))
    ]


def test_a_seed_draws_the_same_points_of_the_grid():
    first, again, other = (build_points("sma_cross", RANGES, points=6, seed=n) for n in (1, 1, 2))
    assert first == again != other
    assert len(first.strategies) + len(first.skipped) == 6
    whole = build_points("sma_cross", RANGES)
    assert set(first.strategies) < set(whole.strategies)
    everything = build_points("sma_cross", RANGES, points=100, seed=3)
    assert everything.strategies == whole.strategies
    assert everything.skipped == whole.skipped


def test_few_points_of_an_endless_grid_are_drawn_at_once():
    ranges = {"period": range(2, 100_000), "oversold": [n / 1e4 for n in range(1, 40_000)]}
    drawn = build_points("rsi", {name: list(values) for name, values in ranges.items()}, points=50)
    assert len(set(drawn.strategies)) == 50


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"points": 0}, "points is 0; allowed: whole numbers from 1."),
        ({"ranges": {"fast": [1]}, "points": 2}, "sma_cross has no parameter 'fast'"),
        ({"ranges": {"fast_period": []}, "points": 2}, "'fast_period' has no value"),
        ({"ranges": {"fast_period": [99]}}, "No point of the grid of sma_cross is allowed"),
    ],
)
def test_what_is_no_grid_is_refused(arguments: dict, message: str):
    with pytest.raises(GauntletError, match=message):
        build_points("sma_cross", **arguments)
