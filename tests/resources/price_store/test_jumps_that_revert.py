"""Ticks and units, which leave their neighbours and come back, and nights that a file explains."""

from datetime import date, timedelta
from fractions import Fraction

import numpy as np
import pytest

from benchmarks.market_data.split_histories import divide
from resources.price_store.jumps import AdjustedBars, find_jumps
from tests.resources.price_store.test_jumps import AT, BARS, DAY, PRICES, multiply


def _told(bars: AdjustedBars) -> tuple[date, str]:
    (jump,) = find_jumps(bars)
    return jump.day, jump.text


@pytest.mark.parametrize(
    ("names", "factor", "told"),
    [
        (("high", "close"), 37.3, f"the close of {DAY} is 37.3 times its neighbours: a bad tick?"),
        (("low", "close"), 0.01, f"the close of {DAY} is 0.01 times its neighbours: a bad tick?"),
        (("high", "open"), 3.0, f"the open of {DAY} is 3 times its neighbours: a bad tick?"),
        (("low", "open"), 0.4, f"the open of {DAY} is 0.4 times its neighbours: a bad tick?"),
        (PRICES, 37.3, f"the bar of {DAY} is 37.3 times its neighbours: a bad tick?"),
        (PRICES, 100.0, f"the bar of {DAY} is 100 times its neighbours: pence and pounds?"),
        (("high",), 37.3, f"the high of {DAY} is 37.3 times its open and close: a bad tick?"),
        (("low",), 0.01, f"the low of {DAY} is 0.01 times its open and close: a bad tick?"),
    ],
)
def test_a_tick_is_told_with_day_price_and_factor(names: tuple[str, ...], factor: float, told: str):
    day, text = _told(multiply(_flat(), AT, AT + 1, factor, *names))
    assert (day, text) == (DAY, told)


def _flat() -> AdjustedBars:
    """Return bars with one price, so that factors are exact."""
    ones = {name: np.full(len(BARS.days), 50.0) for name in PRICES}
    return AdjustedBars(BARS.days, **ones, volume=BARS.volume)


@pytest.mark.parametrize("at", [0, len(BARS.days) - 1], ids=["first", "last"])
@pytest.mark.parametrize("names", [("high", "close"), ("low", "open")])
def test_a_tick_of_the_first_or_last_bar_is_found(at: int, names: tuple[str, ...]):
    factor = 37.3 if "high" in names else 1 / 37.3
    day, _ = _told(multiply(BARS, at, at + 1, factor, *names))
    assert abs((day - BARS.days[at].item()).days) <= 4


@pytest.mark.parametrize(("factor", "shown"), [(100.0, "100"), (0.01, "0.01")])
@pytest.mark.parametrize("sessions", [2, 5, 40])
def test_another_unit_is_told_with_its_days(factor: float, shown: str, sessions: int):
    day, text = _told(multiply(BARS, AT, AT + sessions, factor, *PRICES))
    last = BARS.days[AT + sessions - 1]
    told = f"the bars of {DAY} to {last} are {shown} times their neighbours: pence and pounds?"
    assert (day, text) == (DAY, told)


def test_a_factor_of_thousand_is_another_unit():
    _, text = _told(multiply(_flat(), AT, AT + 5, 1000.0, *PRICES))
    assert text.endswith("are 1,000 times their neighbours: another unit?")


def test_a_squeeze_that_falls_half_way_back_is_no_tick():
    # AMC, January 2021: 4.96, 19.90, 8.63 at the close, and 20.34, 11.98 at the open.
    closes = {AT - 1: 4.96, AT: 19.90, AT + 1: 8.63}
    opens = {AT: 20.34, AT + 1: 11.98}
    bars = divide(BARS, 0, BARS.close[AT - 1] / 4.96, 1.0)
    bars = divide(bars, AT + 2, bars.open[AT + 2] / 8.63, 1.0)
    for at, price in closes.items():
        bars.close[at] = price
    for at, price in opens.items():
        bars.open[at] = price
    bars.high[:], bars.low[:] = np.maximum(bars.open, bars.close), np.minimum(bars.open, bars.close)
    bars.volume[AT : AT + 5] *= (30.0, 25.0, 15.0, 10.0, 6.0)
    assert find_jumps(bars) == []


def test_a_bar_whose_neighbours_differ_is_no_tick():
    risen = multiply(BARS, AT, AT + 1, 3.1, *PRICES)
    fallen = multiply(risen, AT + 1, len(BARS.days), 1.5, *PRICES)
    assert all("tick" not in jump.text for jump in find_jumps(fallen))
    assert "a bad tick?" in _told(risen)[1]


def test_two_periods_in_another_unit_are_two_jumps():
    once = multiply(BARS, AT, AT + 4, 100.0, *PRICES)
    twice = multiply(once, AT + 20, AT + 22, 100.0, *PRICES)
    days = [jump.day for jump in find_jumps(twice)]
    assert days == [DAY, BARS.days[AT + 20].item()]


def test_a_doubled_price_that_stays_is_no_tick():
    bars = divide(BARS, AT, 0.45, 1.0)
    assert all("tick" not in jump.text for jump in find_jumps(bars))


SPLIT = divide(BARS, AT, 20, 20)


def test_a_night_in_the_file_is_explained():
    assert find_jumps(SPLIT, explained={DAY: Fraction(1)}) == []
    assert find_jumps(BARS, explained={DAY: Fraction(20)}) == []
    # After its line, a move of half is left, as real as the file says.
    assert find_jumps(divide(BARS, AT, 2, 2), explained={DAY: Fraction(20)}) == []


def test_a_line_of_a_holiday_explains_the_next_bar():
    monday = next(at for at in range(AT, len(BARS.days)) if BARS.days[at].item().weekday() == 0)
    sunday = BARS.days[monday].item() - timedelta(days=1)
    assert find_jumps(divide(BARS, monday, 20, 20), explained={sunday: Fraction(1)}) == []


@pytest.mark.parametrize("off", [-7, 7])
def test_a_line_of_another_day_explains_nothing(off: int):
    found = find_jumps(SPLIT, explained={DAY + timedelta(days=off): Fraction(1)})
    assert [jump.day for jump in found] == [DAY]


def test_a_line_that_made_the_night_worse_is_told():
    # Adjusted once by the feed and once by the file: the close before is divided by 20 again.
    twice = divide(BARS, AT, 1 / 20, 1 / 20)
    (jump,) = find_jumps(twice, explained={DAY: Fraction(20)})
    assert jump.day == DAY
    assert jump.text.endswith("with its line in the file of splits: is it in the feed too?")


def test_a_tick_in_the_file_is_explained():
    tick = multiply(BARS, AT, AT + 1, 37.3, "high", "close")
    assert find_jumps(tick, explained={DAY: Fraction(1)}) == []
