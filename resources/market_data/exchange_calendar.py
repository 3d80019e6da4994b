"""The sessions of the New York Stock Exchange, by exchange_calendars."""

from datetime import date
from functools import cache

import numpy as np
from numpy.typing import NDArray

FIRST_DAY = date(2000, 1, 3)  # a Monday, the first session of 2000
LAST_DAY = date(2099, 12, 31)


def sessions_between(start: date, end: date) -> NDArray[np.datetime64]:
    """Return the sessions from `start` to `end`, inclusive, as datetime64[D], shape (n,).

    Only those from `FIRST_DAY` to `LAST_DAY` are known.
    """
    sessions = _sessions()
    first = np.searchsorted(sessions, np.datetime64(start, "D"), side="left")
    stop = np.searchsorted(sessions, np.datetime64(end, "D"), side="right")
    return sessions[first:stop]


def last_session(start: date, end: date) -> date | None:
    """Return the last session from `start` to `end`, inclusive; None if there is none."""
    sessions = sessions_between(start, end)
    return sessions[-1].astype(date) if len(sessions) else None


@cache
def _sessions() -> NDArray[np.datetime64]:
    """Return every session from the first day to the last.

    Built once a process, in 0.3 s, hardly less for fewer years. The calendar of 4.13 trips over
    a deprecation of pandas 3.1 while it is built, which is no news to a user.
    """
    import warnings

    import exchange_calendars

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Series.values returning an ndarray")
        calendar = exchange_calendars.get_calendar("XNYS", start=FIRST_DAY, end=LAST_DAY)
    return calendar.sessions.to_numpy().astype("datetime64[D]")
