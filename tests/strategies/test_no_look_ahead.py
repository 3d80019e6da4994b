"""No registered strategy looks ahead, with its defaults or any point of its sweep ranges.

New files in strategies/ are included automatically. Planted strategies show that the checks detect
a strategy that peeks.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.parameter_grid import build_grid
from strategies.base import Strategy
from strategies.registry import registered_strategies
from tests.bars import random_bars
from tests.strategies.examples import examples
from tests.strategies.look_ahead import (
    ALL_PEEKING,
    CHANGES,
    assert_a_prefix_gives_the_prefix,
    assert_later_bars_change_nothing,
)

NAMES = sorted(registered_strategies())
GRIDS = {name: [registered_strategies()[name](), *build_grid(name).strategies] for name in NAMES}
BARS = 200


def _length(name: str) -> int:
    """Return the number of bars to test a strategy on: five lookbacks, at least `BARS`."""
    return max(BARS, 5 * registered_strategies()[name]().lookback_bars)


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data(), seed=st.integers(0, 1000))
@examples(25)
def test_signals_of_a_prefix_are_the_prefix_of_the_signals(
    name: str, data: st.DataObject, seed: int
):
    strategy, length = data.draw(st.sampled_from(GRIDS[name])), _length(name)
    stop = data.draw(st.integers(1, length - 1))
    assert_a_prefix_gives_the_prefix(strategy, random_bars(length, seed), stop)


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data(), seed=st.integers(0, 1000), change=st.sampled_from(sorted(CHANGES)))
@examples(25)
def test_later_bars_never_change_an_earlier_signal(
    name: str, data: st.DataObject, seed: int, change: str
):
    strategy, length = data.draw(st.sampled_from(GRIDS[name])), _length(name)
    start = data.draw(st.integers(1, length - 1))
    assert_later_bars_change_nothing(strategy, random_bars(length, seed), start, change)


@pytest.mark.parametrize("peeking", ALL_PEEKING)
def test_the_prefix_check_detects_a_strategy_that_peeks(peeking: type[Strategy]):
    def caught(stop: int) -> bool:
        try:
            assert_a_prefix_gives_the_prefix(peeking(), random_bars(BARS), stop)
        except AssertionError:
            return True
        return False

    assert any(caught(stop) for stop in range(10, BARS, 10))


@pytest.mark.parametrize("peeking", ALL_PEEKING)
def test_the_check_of_later_bars_detects_a_strategy_that_peeks(peeking: type[Strategy]):
    def caught(start: int, change: str) -> bool:
        try:
            assert_later_bars_change_nothing(peeking(), random_bars(BARS), start, change)
        except AssertionError:
            return True
        return False

    assert any(caught(start, change) for start in range(10, BARS, 10) for change in CHANGES)


@pytest.mark.parametrize("name", NAMES)
def test_random_bars_give_enough_signals(name: str):
    strategy = registered_strategies()[name]()
    traded = [strategy.signals(random_bars(_length(name), seed)) for seed in range(10)]
    assert sum(signals.entries.sum() + signals.exits.sum() for signals in traded) >= 10
