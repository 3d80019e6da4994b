"""Numbers as people read them: one by one, and a column at a time."""

import math
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports import numbers

_SHOWN = (
    numbers.show_percent,
    numbers.show_change,
    numbers.show_ratio,
    numbers.show_count,
    numbers.show_money,
    numbers.show_p_value,
    numbers.show_text,
)
_NUMBERS = st.one_of(
    st.none(),
    st.floats(),
    st.floats(-2.0, 2.0),
    st.floats(-1e-3, 1e-3),
    st.integers(-(10**6), 10**6),
)


@given(st.sampled_from(_SHOWN), st.lists(_NUMBERS))
def test_a_column_is_shown_as_each_of_its_values(
    show: Callable[[float | None], str], values: list[float | None]
):
    assert numbers.show_all(show, values) == [*map(show, values)]


def test_days_and_words_are_shown_as_each_of_them():
    days = [date(2024, 2, 29), date(2021, 1, 4)]
    for column in (days, ["a", "b"], [*days, None], ["a", math.nan, True]):
        shown = [*map(numbers.show_text, column)]
        assert numbers.show_all(numbers.show_text, column) == shown


@pytest.mark.parametrize(
    ("show", "value", "text"),
    [
        (numbers.show_change, -0.0004, "0.0%"),
        (numbers.show_change, -0.0005001, "-0.1%"),
        (numbers.show_money, 0.01234567, "0.01235"),
        (numbers.show_money, -1234.5, "-1,234.50"),
        (numbers.show_ratio, -0.004, "0.00"),
        (numbers.show_count, 3382, "3,382"),
        (numbers.show_p_value, 0.0004, "< 0.001"),
        (numbers.show_percent, math.inf, "-"),
        (numbers.show_seconds, 0.424, "0.42 s"),
        (numbers.show_seconds, 9.994, "9.99 s"),
        (numbers.show_seconds, 9.996, "10.0 s"),
        (numbers.show_seconds, 59.94, "59.9 s"),
        (numbers.show_seconds, 59.97, "1 min 0 s"),
        (numbers.show_seconds, 119.6, "2 min 0 s"),
        (numbers.show_seconds, 200.4, "3 min 20 s"),
        (numbers.show_seconds, 3599.7, "60 min 0 s"),
    ],
)
def test_numbers_are_rounded_as_people_read_them(
    show: Callable[[float], str], value: float, text: str
):
    assert show(value) == text
    assert numbers.show_all(show, [value, value]) == [text, text]


@pytest.mark.parametrize("hours", [-5, 0, 2])
def test_a_time_is_shown_in_utc(hours: int):
    time = datetime(2024, 5, 6, 23, 30, tzinfo=UTC).astimezone(timezone(timedelta(hours=hours)))
    assert numbers.show_text(time) == "2024-05-06 23:30 UTC"
