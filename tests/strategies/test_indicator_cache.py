"""Indicators are computed once per symbol for all strategies, and never confused."""

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
    """An indicator that counts its computations."""

    def __init__(self) -> None:
        self.times = 0
        self.indicator = cached_indicator(self._compute)

    def _compute(self, values: Floats, period: int) -> Floats:
        self.times += 1
        return values * period


@pytest.fixture
def counted() -> Counted:
    """Return a new indicator for each test."""
    return Counted()


def test_an_indicator_is_computed_once_while_cached(counted: Counted):
    with indicator_cache():
        first, second = counted.indicator(CLOSE, 3), counted.indicator(CLOSE, 3)
        assert first is second
        assert counted.times == 1
        counted.indicator(CLOSE, 4)
        assert counted.times == 2
    np.testing.assert_array_equal(first, CLOSE * 3)


def test_a_writable_series_is_computed_again(counted: Counted):
    scratch = CLOSE.copy()
    with indicator_cache():
        before = counted.indicator(scratch, 3)
        scratch[:] = 1.0
        after = counted.indicator(scratch, 3)
    assert before[0] == CLOSE[0] * 3
    assert after[0] == 3.0


def test_outside_the_cache_an_indicator_is_computed_each_time(counted: Counted):
    assert counted.indicator(CLOSE, 3) is not counted.indicator(CLOSE, 3)
    with indicator_cache():
        counted.indicator(CLOSE, 3)
    counted.indicator(CLOSE, 3)
    assert counted.times == 4


def test_the_cache_is_cleared_at_the_end(counted: Counted):
    for _ in range(2):
        with indicator_cache():
            counted.indicator(CLOSE, 3)
    assert counted.times == 2


def test_equal_series_are_cached_separately(counted: Counted):
    with indicator_cache():
        assert counted.indicator(CLOSE, 3) is not counted.indicator(CLOSE.copy(), 3)
    assert counted.times == 2


def test_a_freed_series_is_not_confused_with_the_next(counted: Counted):
    # Each is freed at once, so that the next one could have the same address.
    with indicator_cache():
        for number in range(50):
            answer = counted.indicator(np.full(1000, float(number)), 1)
            assert answer[0] == number
    assert counted.times == 50


def test_indicators_with_equal_arguments_are_cached_separately():
    one, other = Counted(), Counted()
    with indicator_cache():
        one.indicator(CLOSE, 3)
        other.indicator(CLOSE, 3)
    assert (one.times, other.times) == (1, 1)


def test_keyword_arguments_are_cached(counted: Counted):
    with indicator_cache():
        named = counted.indicator(values=CLOSE, period=3)
        assert named is counted.indicator(values=CLOSE, period=3)
        np.testing.assert_array_equal(named, counted.indicator(CLOSE, period=3))
        assert counted.indicator(values=CLOSE, period=4)[0] == CLOSE[0] * 4


def test_cached_arrays_are_read_only():
    with indicator_cache():
        for array in (sma(CLOSE, 5), *macd(CLOSE, 5, 8, 3), *bollinger_bands(CLOSE, 5, 2.0)):
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 1.0
    assert sma(CLOSE, 5).flags.writeable


def test_nested_caches_are_separate(counted: Counted):
    with indicator_cache():
        outer = counted.indicator(CLOSE, 3)
        with indicator_cache():
            assert counted.indicator(CLOSE, 3) is not outer
        assert counted.indicator(CLOSE, 3) is outer


def test_an_error_ends_the_cache(counted: Counted):
    with pytest.raises(RuntimeError), indicator_cache():
        raise RuntimeError
    counted.indicator(CLOSE, 3)
    counted.indicator(CLOSE, 3)
    assert counted.times == 2


def test_concurrent_tasks_have_separate_caches(counted: Counted):
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
def test_signals_are_the_same_with_and_without_the_cache(name: str):
    strategy, bars = registered_strategies()[name](), random_bars(300, seed=4)
    alone = strategy.signals(bars)
    with indicator_cache():
        for other in registered_strategies().values():
            other().signals(bars)
        shared_ = strategy.signals(bars)
    np.testing.assert_array_equal(shared_.entries, alone.entries)
    np.testing.assert_array_equal(shared_.exits, alone.exits)
