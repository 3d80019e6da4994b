"""Splits, units and ticks are found with day and figure; gaps of every kind are not."""

from dataclasses import replace
from datetime import date
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.market_data.split_histories import divide, ordinary
from resources.price_store.jumps import AdjustedBars, Jump, find_jumps

BARS = ordinary(np.random.default_rng(3))
AT = 400
DAY = BARS.days[AT].item()
PRICES = ("open", "high", "low", "close")


def multiply(
    bars: AdjustedBars, first: int, until: int, factor: float, *names: str
) -> AdjustedBars:
    changed = {name: getattr(bars, name).copy() for name in names}
    for values in changed.values():
        values[first:until] *= factor
    return replace(bars, **changed)


def _gap(became: float, busy: float = 0.0) -> AdjustedBars:
    """Return bars whose open on `DAY` is that part of the close before, and a busy day."""
    before = BARS.close[AT - 1] / BARS.open[AT]
    decay = 1.0 + busy * np.exp(-np.arange(len(BARS.days) - AT) / 4.0)
    return divide(BARS, AT, 1.0 / (became * before), decay)


def test_ordinary_bars_have_no_jumps():
    assert find_jumps(BARS) == []


@pytest.mark.parametrize(
    ("ratio", "told"),
    [
        (20, "is 0.050 of the close before: a 20-for-1 split that is not in the adjustment?"),
        (50, "is 0.020 of the close before: a 50-for-1 split that is not in the adjustment?"),
        (2, "is 0.500 of the close before: a 2-for-1 split that is not in the adjustment?"),
        (1.5, "is 0.667 of the close before: a 3-for-2 split that is not in the adjustment?"),
        (100, "a 100-for-1 split that is not in the adjustment, or pence and pounds?"),
        (1 / 8, "is 8 times the close before: a 1-for-8 split that is not in the adjustment?"),
        (1 / 190, "is 190 times the close before: a 1-for-190 split that is not in the adjust"),
        (1 / 200, "is 200 times the close before: a 1-for-200 split that is not in the adjust"),
    ],
)
def test_a_split_is_told_with_day_and_ratio(ratio: float, told: str):
    exact = ratio * BARS.open[AT] / BARS.close[AT - 1]
    (jump,) = find_jumps(divide(BARS, AT, exact, ratio))
    assert jump.day == DAY
    assert jump.text.startswith(f"the open of {DAY} is ")
    assert told in jump.text


@pytest.mark.parametrize("at", [10, 745, 752, 755], ids="session {}".format)
@pytest.mark.parametrize("ratio", [2, 20, 1 / 8])
def test_splits_near_the_ends_of_a_history_are_found(at: int, ratio: float):
    (jump,) = find_jumps(divide(BARS, at, ratio, ratio))
    assert jump.day == BARS.days[at].item()


@pytest.mark.parametrize("at", [1, 2])
def test_a_split_after_the_first_bars_is_found(at: int):
    assert len(find_jumps(divide(BARS, at, 20, 20))) == 1


@pytest.mark.parametrize("move", [0.97, 1.03])
@pytest.mark.parametrize("ratio", [2, 3, 1 / 5])
def test_a_split_on_a_night_of_three_percent_is_found(ratio: float, move: float):
    assert len(find_jumps(divide(BARS, AT, ratio / move, ratio))) == 1


GAPS = {
    "META 2022-02-03": (0.757, 6.0),
    "NFLX 2022-01-21": (0.785, 5.0),
    "NFLX 2022-04-20": (0.703, 8.0),
    "takeover": (1.5, 9.0),
    "drug that fails": (0.3, 15.0),
    "half, busy": (0.497, 6.0),
    "half, quiet": (0.497, 0.0),
    "two thirds, busy": (0.66, 6.0),
    "exactly two thirds, busy": (2 / 3, 9.0),
}


@pytest.mark.parametrize("name", GAPS)
def test_a_gap_is_not_a_split(name: str):
    assert find_jumps(_gap(*GAPS[name])) == []


def test_lower_odds_accuse_a_gap_near_a_ratio():
    assert len(find_jumps(_gap(0.5), split_odds=1e-3)) == 1


@pytest.mark.parametrize("became", [0.09, 11.7, 1000.0])
def test_a_move_by_ten_times_is_never_explained(became: float):
    (jump,) = find_jumps(_gap(became, busy=20.0))
    assert jump.day == DAY


def test_a_split_and_a_gap_of_one_history_are_told_apart():
    both = divide(_gap(0.703, 8.0), 600, 4, 4)
    assert [jump.day for jump in find_jumps(both)] == [BARS.days[600].item()]


def test_several_splits_of_one_history_are_all_found():
    bars = BARS
    for at, ratio in ((100, 2), (300, 3), (500, 20), (700, 1 / 10)):
        bars = divide(bars, at, ratio, ratio)
    assert [jump.day for jump in find_jumps(bars)] == [
        BARS.days[at].item() for at in (100, 300, 500, 700)
    ]


def test_without_volume_the_exact_ratio_decides():
    silent = replace(BARS, volume=np.zeros(len(BARS.days)))
    exact = BARS.open[AT] / BARS.close[AT - 1]
    assert len(find_jumps(divide(silent, AT, 2 * exact, 1))) == 1
    assert find_jumps(divide(silent, AT, 1.9 * exact, 1)) == []


def test_days_without_volume_do_not_hide_a_split():
    volume = BARS.volume.copy()
    volume[::7] = 0.0
    gappy = replace(BARS, volume=volume)
    assert len(find_jumps(divide(gappy, AT, 2, 2))) == 1


def test_a_suspended_symbol_has_no_jumps_but_its_split():
    flat = replace(BARS, **{name: np.full(len(BARS.days), 10.0) for name in PRICES})
    flat = replace(flat, volume=np.zeros(len(BARS.days)))
    assert find_jumps(flat) == []
    assert len(find_jumps(divide(flat, AT, 10, 1))) == 1


def test_wide_nights_of_a_penny_stock_are_no_jumps():
    random = np.random.default_rng(8)
    for noise in (0.05,) * 10 + (0.1,) * 10:
        close = np.exp(np.cumsum(random.normal(0.0, 0.05, 1000)))
        opens = np.append(1.0, close[:-1]) * np.exp(random.normal(0.0, noise, 1000))
        high, low = np.maximum(opens, close), np.minimum(opens, close)
        volume = np.exp(random.normal(10.0, 0.8, 1000))
        days = np.datetime64("2020-01-01") + np.arange(1000)
        assert find_jumps(AdjustedBars(days, opens, high, low, close, volume)) == []


def test_nights_without_a_move_are_no_jumps():
    crypto = replace(BARS, open=np.append(BARS.open[0], BARS.close[:-1]))
    assert find_jumps(crypto) == []
    for move in (0.97, 1.0, 1.03):
        assert len(find_jumps(divide(crypto, AT, 2 / move, 2))) == 1


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_a_short_history_has_no_jumps(count: int):
    short = {name: getattr(BARS, name)[:count] for name in (*PRICES, "volume", "days")}
    assert find_jumps(AdjustedBars(**short)) == []


@settings(max_examples=40, deadline=None)
@given(
    ratio=st.sampled_from([Fraction(3, 2), *(Fraction(n) for n in (2, 3, 5, 7, 15, 20, 50))]),
    reverse=st.booleans(),
    at=st.integers(60, 690),
    scale=st.floats(1e-4, 1e4),
)
def test_a_split_is_found_at_any_price_and_session(
    ratio: Fraction, reverse: bool, at: int, scale: float
):
    became = 1.0 / float(ratio) if reverse and ratio.denominator == 1 else float(ratio)
    bars = divide(BARS, 0, scale, 1.0 / scale)
    (jump,) = find_jumps(divide(bars, at, became, became))
    assert jump.day == BARS.days[at].item()
    assert isinstance(jump, Jump)
    assert isinstance(jump.day, date)
