"""NYSE sessions: holidays, weekends, and the last session of a window."""

from datetime import date, datetime, time

import pytest

from resources.market_data.exchange_calendar import (
    last_day_over,
    last_session,
    session_close,
    sessions_between,
)


def test_holidays_and_weekends_are_not_sessions():
    days = sessions_between(date(2023, 12, 22), date(2024, 1, 2)).astype(str).tolist()
    assert days == [
        "2023-12-22",
        "2023-12-26",
        "2023-12-27",
        "2023-12-28",
        "2023-12-29",
        "2024-01-02",
    ]


def test_the_default_window_ends_on_a_friday():
    assert last_session(date(2021, 1, 1), date(2023, 12, 31)) == date(2023, 12, 29)


def test_a_weekend_has_no_last_session():
    assert last_session(date(2023, 12, 30), date(2023, 12, 31)) is None


@pytest.mark.parametrize(
    ("day", "close"),
    [
        (date(2026, 11, 25), time(16)),
        (date(2026, 11, 26), None),  # Thanksgiving
        (date(2026, 11, 27), time(13)),  # the half day after it
        (date(2026, 3, 6), time(16)),
        (date(2026, 3, 9), time(16)),  # the clocks have changed
        (date(1968, 6, 12), None),  # closed on Wednesdays to settle trades on paper
        (date(1952, 12, 31), None),  # before the calendar begins
    ],
)
def test_a_session_closes_in_new_york_time(day: date, close: time | None):
    assert session_close(day) == close


@pytest.mark.parametrize(
    ("now", "day"),
    [
        ("2026-11-25T20:59:00+00:00", date(2026, 11, 24)),
        ("2026-11-25T21:00:00+00:00", date(2026, 11, 25)),
        ("2026-11-26T12:00:00+00:00", date(2026, 11, 26)),  # Thanksgiving
        ("2026-11-27T17:59:00+00:00", date(2026, 11, 26)),
        ("2026-11-27T18:00:00+00:00", date(2026, 11, 27)),  # the half day after it
        ("2026-11-28T04:59:00+00:00", date(2026, 11, 27)),  # still Friday in New York
    ],
)
def test_a_day_is_over_when_its_session_is(now: str, day: date):
    assert last_day_over(datetime.fromisoformat(now)) == day
