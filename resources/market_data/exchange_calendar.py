"""The sessions of the New York Stock Exchange, by exchange_calendars. Loads nothing heavy."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    import numpy as np
    from exchange_calendars import ExchangeCalendar
    from numpy.typing import NDArray

FIRST_DAY = date(1953, 1, 2)
"""Sessions before are not known: until 1952 the exchange opened on Saturdays, and
exchange_calendars has it closed."""

LAST_DAY = date(2099, 12, 31)

TIMEZONE = "America/New_York"
"""The exchange's: its closing bell keeps its hour there, whatever the clocks do elsewhere."""


def sessions_between(start: date, end: date) -> NDArray[np.datetime64]:
    """Return the sessions from `start` to `end`, inclusive, as datetime64[D], shape (n,).

    Only those from `FIRST_DAY` to `LAST_DAY` are known.
    """
    import numpy as np

    sessions = _load_sessions()
    first = np.searchsorted(sessions, np.datetime64(start, "D"), side="left")
    stop = np.searchsorted(sessions, np.datetime64(end, "D"), side="right")
    return sessions[first:stop]


def last_session(start: date, end: date) -> date | None:
    """Return the last session from `start` to `end`, inclusive; None if there is none."""
    sessions = sessions_between(start, end)
    return sessions[-1].astype(date) if len(sessions) else None


def session_close(day: date) -> time | None:
    """Return when the exchange closes on `day`, in New York's time; None if it does not open."""
    if not len(sessions_between(day, day)):
        return None
    return _load_calendar().session_close(day.isoformat()).tz_convert(TIMEZONE).time()


def last_day_over(now: datetime | None = None) -> date:
    """Return the last day in New York that has no session to come: today once its session is over.

    `now` is the current time unless it is given; it must have a time zone.
    """
    local = (now or datetime.now(UTC)).astimezone(ZoneInfo(TIMEZONE))
    close = session_close(local.date())
    to_come = close is not None and local.time() < close
    return local.date() - timedelta(days=1) if to_come else local.date()


@cache
def _load_sessions() -> NDArray[np.datetime64]:
    return _load_calendar().sessions.to_numpy().astype("datetime64[D]")


@cache
def _load_calendar() -> ExchangeCalendar:
    """Return the calendar from the first day to the last.

    Built once per process, in 0.3 s, hardly less for fewer years. exchange_calendars 4.13 triggers
    a deprecation warning of pandas 3.1 while it is built, which users can't act on.
    """
    import warnings

    import exchange_calendars

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Series.values returning an ndarray")
        return exchange_calendars.get_calendar("XNYS", start=FIRST_DAY, end=LAST_DAY)
