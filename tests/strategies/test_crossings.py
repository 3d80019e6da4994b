"""The exact meaning of comparing and crossing: at equality, next to NaN, up to rounding."""

import numpy as np
import pytest

from strategies.comparisons import TOLERANCE, is_above, is_below
from strategies.crossings import crosses_above, crosses_below, falls_to, rises_to

NAN = np.nan


def _true_at(booleans: np.ndarray) -> list[int]:
    return np.flatnonzero(booleans).tolist()


def test_touching_is_not_crossing_above():
    a = np.array([1.0, 2.0, 3.0, 2.0, 2.0, 3.0])
    b = np.full(6, 2.0)
    assert _true_at(crosses_above(a, b)) == [2, 5]
    assert _true_at(crosses_below(b, a)) == [2, 5]


def test_crossing_below_is_the_mirror():
    a = np.array([3.0, 2.0, 1.0, 2.0, 1.0])
    b = np.full(5, 2.0)
    assert _true_at(crosses_below(a, b)) == [2, 4]


def test_falling_and_rising_through_a_level():
    values = np.array([31.0, 30.0, 29.0, 28.0, 70.0, 71.0, 72.0])
    assert _true_at(crosses_below(values, 30.0)) == [2]
    assert _true_at(crosses_above(values, 70.0)) == [5]


def test_touching_a_band_is_reaching_it():
    close = np.array([5.0, 4.0, 3.0, 5.0, 6.0, 7.0])
    assert _true_at(falls_to(close, np.full(6, 4.0))) == [1]
    assert _true_at(rises_to(close, np.full(6, 6.0))) == [4]


def test_nothing_crosses_next_to_nan_or_on_the_first_bar():
    a = np.array([NAN, 3.0, NAN, 3.0, 1.0])
    b = np.array([2.0, 2.0, 2.0, NAN, 2.0])
    for crossing in (crosses_above, crosses_below, falls_to, rises_to):
        assert _true_at(crossing(a, b)) == []
    assert _true_at(crosses_above(np.array([9.0, 9.0]), 5.0)) == []


@pytest.mark.parametrize("size", [1e-9, 1.0, 600_000.0, 1e12])
@pytest.mark.parametrize("sign", [1, -1])
def test_numbers_that_differ_by_rounding_are_equal(size: float, sign: int):
    a = np.full(3, sign * size)
    b = a * (1.0 + np.array([-0.5, 0.0, 0.5]) * TOLERANCE)
    assert not is_above(a, b).any()
    assert not is_below(a, b).any()


def test_numbers_that_differ_by_more_are_not_equal():
    a, b = np.full(2, 100.0), 100.0 * (1.0 + np.array([-2.0, 2.0]) * TOLERANCE)
    assert is_above(a, b).tolist() == [True, False]
    assert is_below(a, b).tolist() == [False, True]


def test_a_difference_of_prices_is_compared_by_their_size():
    noise = np.array([1e-14, -1e-14])
    assert is_above(noise, 0.0).tolist() == [True, False]
    assert not is_above(noise, 0.0, size=100.0).any()
    assert not is_below(noise, 0.0, size=100.0).any()
