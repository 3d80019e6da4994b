"""Indicators are computed once for all who look at one symbol, and never mistaken."""

import asyncio

import numpy as np
import pytest

from strategies.base import Floats
from strategies.indicator_cache import cached_indicator, indicator_cache
from strategies.indicators import bollinger_bands, macd, sma
from strategies.registry import registered_strategies
from tests.bars import random_bars

CLOSE = random_bars(100).close
CLOSE.setflags(write=False)


class Counted:
    """An indicator that knows how often it was computed."""

    def __init__(self) -> None:
        self.times = 0
        self.indicator = cached_indicator(self._compute)

    def _compute(self, values: Floats, period: int) -> Floats:
        self.times += 1
        return values * period


@pytest.fixture
def counted() -> Counted:
    """Lend an indicator of its own to each test."""
    return Counted()


def test_it_is_computed_once_while_sharing(counted: Counted):
    with indicator_cache():
        first, second = counted.indicator(CLOSE, 3), counted.indicator(CLOSE, 3)
        assert first is second
        assert counted.times == 1
        counted.indicator(CLOSE, 4)
        assert counted.times == 2
    np.testing.assert_array_equal(first, CLOSE * 3)


def test_a_series_that_may_be_written_to_is_computed_anew(counted: Counted):
    scratch = CLOSE.copy()
    with indicator_cache():
        before = counted.indicator(scratch, 3)
        scratch[:] = 1.0
        after = counted.indicator(scratch, 3)
    assert before[0] == CLOSE[0] * 3
    assert after[0] == 3.0


def test_it_is_computed_each_time_outside(counted: Counted):
    assert counted.indicator(CLOSE, 3) is not counted.indicator(CLOSE, 3)
    with indicator_cache():
        counted.indicator(CLOSE, 3)
    counted.indicator(CLOSE, 3)
    assert counted.times == 4


def test_what_was_computed_is_let_go_at_the_end(counted: Counted):
    for _ in range(2):
        with indicator_cache():
            counted.indicator(CLOSE, 3)
    assert counted.times == 2


def test_two_series_of_the_same_numbers_are_two(counted: Counted):
    with indicator_cache():
        assert counted.indicator(CLOSE, 3) is not counted.indicator(CLOSE.copy(), 3)
    assert counted.times == 2


def test_a_series_that_is_gone_is_not_mistaken_for_the_next(counted: Counted):
    # Each is freed at once, so that the next could take its place in memory.
    with indicator_cache():
        for number in range(50):
            answer = counted.indicator(np.full(1000, float(number)), 1)
            assert answer[0] == number
    assert counted.times == 50


def test_two_indicators_of_the_same_arguments_are_two():
    one, other = Counted(), Counted()
    with indicator_cache():
        one.indicator(CLOSE, 3)
        other.indicator(CLOSE, 3)
    assert (one.times, other.times) == (1, 1)


def test_arguments_may_be_named(counted: Counted):
    with indicator_cache():
        named = counted.indicator(values=CLOSE, period=3)
        assert named is counted.indicator(values=CLOSE, period=3)
        np.testing.assert_array_equal(named, counted.indicator(CLOSE, period=3))
        assert counted.indicator(values=CLOSE, period=4)[0] == CLOSE[0] * 4


def test_what_is_shared_cannot_be_written_to():
    with indicator_cache():
        for array in (sma(CLOSE, 5), *macd(CLOSE, 5, 8, 3), *bollinger_bands(CLOSE, 5, 2.0)):
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 1.0
    assert sma(CLOSE, 5).flags.writeable


def test_one_inside_another_keeps_to_itself(counted: Counted):
    with indicator_cache():
        outer = counted.indicator(CLOSE, 3)
        with indicator_cache():
            assert counted.indicator(CLOSE, 3) is not outer
        assert counted.indicator(CLOSE, 3) is outer


def test_an_error_inside_ends_it(counted: Counted):
    with pytest.raises(RuntimeError), indicator_cache():
        raise RuntimeError
    counted.indicator(CLOSE, 3)
    counted.indicator(CLOSE, 3)
    assert counted.times == 2


def test_tasks_and_threads_do_not_see_each_other(counted: Counted):
    async def one() -> Floats:
        with indicator_cache():
            first = counted.indicator(CLOSE, 3)
            await asyncio.sleep(0)
            assert counted.indicator(CLOSE, 3) is first
            return first

    async def two() -> list[Floats]:
        return list(await asyncio.gather(one(), one()))

    first, second = asyncio.run(two())
    assert first is not second
    assert counted.times == 2


@pytest.mark.parametrize("name", sorted(registered_strategies()))
def test_signals_are_the_same_with_and_without(name: str):
    strategy, bars = registered_strategies()[name](), random_bars(300, seed=4)
    alone = strategy.signals(bars)
    with indicator_cache():
        for other in registered_strategies().values():
            other().signals(bars)
        shared_ = strategy.signals(bars)
    np.testing.assert_array_equal(shared_.entries, alone.entries)
    np.testing.assert_array_equal(shared_.exits, alone.exits)
