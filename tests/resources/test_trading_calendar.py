"""Sessions of several exchanges: holidays, weekends, closes, and how many there are per year."""

from datetime import date, datetime

import pytest

from resources.trading_calendar import (
    UnknownCalendarError,
    find_calendar,
    get_calendar,
    require_calendar,
)

NEW_YORK = get_calendar()


def test_holidays_and_weekends_are_not_sessions():
    days = NEW_YORK.sessions(date(2023, 12, 22), date(2024, 1, 2)).astype(str).tolist()
    assert days == [
        "2023-12-22",
        "2023-12-26",
        "2023-12-27",
        "2023-12-28",
        "2023-12-29",
        "2024-01-02",
    ]


@pytest.mark.parametrize(
    ("name", "last"),
    [
        ("XNYS", date(2023, 12, 29)),
        ("XTKS", date(2023, 12, 29)),
        ("24/7", date(2023, 12, 31)),
    ],
)
def test_a_window_ends_with_its_last_session(name: str, last: date):
    calendar = get_calendar(name)
    assert calendar.last_session(date(2021, 1, 1), date(2023, 12, 31)) == last
    weekend = calendar.last_session(date(2023, 12, 30), date(2023, 12, 31))
    assert weekend == (date(2023, 12, 31) if name == "24/7" else None)


@pytest.mark.parametrize(
    ("name", "day", "close"),
    [
        ("XNYS", date(2026, 11, 25), "2026-11-25 16:00 America/New_York"),
        ("XNYS", date(2026, 11, 26), None),  # Thanksgiving
        ("XNYS", date(2026, 11, 27), "2026-11-27 13:00 America/New_York"),
        ("XNYS", date(2026, 3, 9), "2026-03-09 16:00 America/New_York"),  # clocks have changed
        ("XNYS", date(1968, 6, 12), None),  # closed on Wednesdays to settle trades on paper
        ("XNYS", date(1952, 12, 31), None),  # before the calendar begins
        ("XTKS", date(2026, 11, 26), "2026-11-26 15:30 Asia/Tokyo"),
        ("XLON", date(2026, 12, 24), "2026-12-24 12:30 Europe/London"),
        ("24/7", date(2026, 11, 28), "2026-11-29 00:00 UTC"),
    ],
)
def test_a_session_closes_in_the_exchanges_time(name: str, day: date, close: str | None):
    found = get_calendar(name).close_of(day)
    assert close == (found and f"{found:%Y-%m-%d %H:%M} {found.tzinfo}")


@pytest.mark.parametrize(
    ("name", "now", "day"),
    [
        ("XNYS", "2026-11-25T20:59:00+00:00", date(2026, 11, 24)),
        ("XNYS", "2026-11-25T21:00:00+00:00", date(2026, 11, 25)),
        ("XNYS", "2026-11-26T12:00:00+00:00", date(2026, 11, 26)),  # Thanksgiving
        ("XNYS", "2026-11-27T17:59:00+00:00", date(2026, 11, 26)),
        ("XNYS", "2026-11-27T18:00:00+00:00", date(2026, 11, 27)),  # the half day after it
        ("XNYS", "2026-11-28T04:59:00+00:00", date(2026, 11, 27)),  # still Friday in New York
        ("XTKS", "2026-11-25T21:00:00+00:00", date(2026, 11, 25)),  # Thursday morning in Tokyo
        ("XTKS", "2026-11-26T06:30:00+00:00", date(2026, 11, 26)),
        ("24/7", "2026-11-28T23:59:00+00:00", date(2026, 11, 27)),
        ("24/7", "2026-11-29T00:00:00+00:00", date(2026, 11, 28)),
    ],
)
def test_a_day_is_over_when_its_session_is(name: str, now: str, day: date):
    assert get_calendar(name).last_day_over(datetime.fromisoformat(now)) == day


@pytest.mark.parametrize(
    ("name", "bars"),
    [("XNYS", 252), ("24/7", 365), ("24/5", 261), ("XLON", 253), ("XTKS", 245), ("XSAU", 249)],
)
def test_bars_per_year_are_sessions_per_year(name: str, bars: int):
    assert get_calendar(name).bars_per_year == bars


@pytest.mark.parametrize(
    ("traded_on", "shown"),
    [
        ("24/7", "24/7"),
        ("24/5", "24/5"),
        ("XNYS", "XNYS"),
        # Of other exchanges the universe has to name the calendar.
        ("XLON", "XNYS"),
        ("XETR", "XNYS"),
        ("XTKS", "XNYS"),
    ],
)
def test_bars_show_a_calendar_where_none_is_named(traded_on: str, shown: str):
    days = get_calendar(traded_on).sessions(date(2021, 1, 1), date(2022, 12, 31))
    assert find_calendar(None, days).name == shown
    assert find_calendar("XTKS", days).name == "XTKS"
    assert find_calendar(None, days[:20]).name == ("24/7" if traded_on == "24/7" else "XNYS")


def test_what_is_not_recorded_is_not_known():
    tokyo = get_calendar("XTKS")
    assert tokyo.first_day == date(1997, 1, 1)
    assert not len(tokyo.sessions(date(1996, 1, 1), date(1996, 12, 31)))
    assert get_calendar("XHKG").last_day == date(2049, 12, 31)
    assert NEW_YORK.first_day == date(1953, 1, 2)


@pytest.mark.parametrize(("given", "name"), [("NYSE", "XNYS"), ("xlon", "XLON"), ("24/7", "24/7")])
def test_a_calendar_has_one_name(given: str, name: str):
    assert require_calendar(given) == name


def test_an_unknown_calendar_is_refused_with_a_hint():
    with pytest.raises(UnknownCalendarError, match=r"'XNYX' is unknown; allowed: .*mean 'XNYS'"):
        require_calendar("XNYX")
