"""Scales and curves of pictures."""

from datetime import date

import numpy as np
import pytest

from reports.figures.svg import Scale, draw_curve, make_scale


@pytest.mark.parametrize(
    ("low", "high", "names"),
    [
        (0.97, 1.21, ["1.00", "1.05", "1.10", "1.15", "1.20"]),
        (-1.2, 1.3, ["-1.0", "-0.5", "0.0", "0.5", "1.0"]),
        (3.0, 29.0, ["5", "10", "15", "20", "25"]),
        (0.0, 1e-4, ["0.00000", "0.00002", "0.00004", "0.00006", "0.00008", "0.00010"]),
        (0.0, 4e9, ["0", "1e+09", "2e+09", "3e+09", "4e+09"]),
    ],
)
def test_ticks_are_round_numbers(low: float, high: float, names: list[str]):
    found = Scale(low, high, 0.0, 100.0).ticks(5)
    assert [name for name, _ in found] == names
    values = [low + place * (high - low) / 100.0 for _, place in found]
    np.testing.assert_allclose(values, [float(name) for name in names], atol=1e-9 * high)


@pytest.mark.parametrize(
    ("first", "last", "names"),
    [
        ("2021-01-04", "2023-12-29", ["Jul", "2022", "Jul", "2023", "Jul"]),
        ("1980-03-05", "2020-02-01", ["1990", "2000", "2010", "2020"]),
        ("2023-03-05", "2023-06-20", ["Apr 2023", "May 2023", "Jun 2023"]),
        ("2023-03-05", "2023-04-13", ["2023-03-05", "2023-04-13"]),
        ("2023-03-05", "2023-03-05", ["2023-03-05"]),
    ],
)
def test_days_are_named_by_months_years_or_dates(first: str, last: str, names: list[str]):
    days = [
        date.fromisoformat(day).toordinal() - date(1970, 1, 1).toordinal() for day in (first, last)
    ]
    found = Scale(days[0] - 0.5, days[1] + 0.5, 0.0, 100.0).months(6)
    assert [name for name, _ in found] == names
    assert all(0.0 <= place <= 100.0 for _, place in found)


def test_a_curve_keeps_the_extremes_of_each_pixel():
    x = np.linspace(0.0, 9.99, 1000)
    y = np.tile([5.0, 0.0, 3.0, 9.0, 4.0], 200)
    drawn = draw_curve(x, y, "black", 1.0)
    steps = drawn.partition('d="M0 50l')[2].partition('"')[0].split(" ")
    heights = 5.0 + np.cumsum(np.array(steps[1::2], float)) / 10
    assert (heights.min(), heights.max(), len(heights)) == (0.0, 9.0, 21)
    assert heights[-1] == 4.0, "the last point"


def test_a_scale_of_one_value_has_room():
    assert make_scale(np.array([1.0, 1.0]), 0.0, 100.0).at(1.0) == 50.0
