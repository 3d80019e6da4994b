"""When exchanges are open, by exchange_calendars. Loads nothing heavy before a calendar is used."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import cache, cached_property, lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from resources.session_table import TABLES, SessionTable
from strategies.errors import GauntletError, did_you_mean

if TYPE_CHECKING:
    import numpy as np
    from exchange_calendars import ExchangeCalendar
    from numpy.typing import NDArray

DEFAULT_CALENDAR = "XNYS"
"""The New York Stock Exchange's: that of symbols of which nothing else is known."""

NEW_YORK = "America/New_York"
"""The time zone of `DEFAULT_CALENDAR`, for those who must not load the library."""

ALWAYS_OPEN, EVERY_WEEKDAY = "24/7", "24/5"

LAST_DAY = date(2099, 12, 31)

# Until 1952 New York opened on Saturdays, and exchange_calendars has it closed. Of other exchanges
# it knows the holidays of the last decades best; the days of 24/7 and 24/5 need no knowledge.
_FIRST_DAYS = {
    "XNYS": date(1953, 1, 2),
    ALWAYS_OPEN: date(1953, 1, 1),
    EVERY_WEEKDAY: date(1953, 1, 1),
}
_FIRST_DAY_ELSEWHERE = date(1990, 1, 1)

_YEARS_COUNTED = (2000, 2019)
"""The years whose sessions are counted for annualization: a full cycle of weekdays and leap days,
which a later version of the library is unlikely to change."""


class UnknownCalendarError(GauntletError):
    """There is no calendar of this name."""


class TradingCalendar:
    """The sessions of one exchange.

    Parameters
    ----------
    name
        A name of exchange_calendars, such as ``XNYS`` or ``24/7``; see `require_calendar`.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def timezone(self) -> str:
        """The exchange's: its closing bell keeps its hour there, whatever clocks do elsewhere."""
        return self._table.timezone

    @property
    def first_day(self) -> date:
        """The first known day; of sessions before it nothing is known."""
        return self._table.first

    @property
    def last_day(self) -> date:
        """The last known day."""
        return self._table.last

    @cached_property
    def bars_per_year(self) -> float:
        """Sessions per year, a whole number: 252 of XNYS, 365 of 24/7, 261 of 24/5.

        The mean of the years 2000 to 2019; of a calendar that is not known so far back, of its
        first twenty whole years, or fewer where it does not reach so far.
        """
        first = self.first_day.year + (self.first_day > date(self.first_day.year, 1, 1))
        first = max(_YEARS_COUNTED[0], first)
        last = min(first + _YEARS_COUNTED[1] - _YEARS_COUNTED[0], self.last_day.year)
        sessions = self.sessions(date(first, 1, 1), date(last, 12, 31))
        return float(round(len(sessions) / (last - first + 1)))

    @cached_property
    def opens_on_weekends(self) -> bool:
        """Whether any session is on a Saturday or Sunday."""
        import numpy as np

        return not np.is_busday(self._table.days).all()

    def sessions(self, start: date, end: date) -> NDArray[np.datetime64]:
        """Return the known sessions from `start` to `end`, inclusive: datetime64[D], shape (n,)."""
        return self._table.days[self._find(start, end)]

    def last_session(self, start: date, end: date) -> date | None:
        """Return the last session from `start` to `end`, inclusive; None if there is none."""
        return _find_last_session(self, start, end)

    def close_of(self, day: date) -> datetime | None:
        """Return when the session of `day` ends, in the exchange's time zone; None without one.

        The end of a session that lasts the whole day is the next midnight.
        """
        closes = self._closes(day, day)
        return closes[0] if closes else None

    def closing_times(self) -> list[time]:
        """Return at which times of day sessions of a year ago or later close, in its time zone."""
        today = datetime.now(UTC).date()
        closes = self._closes(today - timedelta(days=365), self.last_day)
        return sorted({close.time() for close in closes})

    def last_day_over(self, now: datetime | None = None) -> date:
        """Return the exchange's last day that has no session to come: today once that has ended.

        `now` is the current time unless it is given; it must have a time zone.
        """
        now = now or datetime.now(UTC)
        today = now.astimezone(ZoneInfo(self.timezone)).date()
        close = self.close_of(today)
        return today - timedelta(days=1) if close and now < close else today

    def _find(self, start: date, end: date) -> slice:
        """Return where the sessions from `start` to `end`, inclusive, are in the table."""
        import numpy as np

        first = np.searchsorted(self._table.days, np.datetime64(start, "D"), side="left")
        stop = np.searchsorted(self._table.days, np.datetime64(end, "D"), side="right")
        return slice(int(first), int(stop))

    def _closes(self, start: date, end: date) -> list[datetime]:
        """Return when the sessions from `start` to `end` end, in the exchange's time zone."""
        zone = ZoneInfo(self.timezone)
        closes = self._table.closes[self._find(start, end)].tolist()
        return [close.replace(tzinfo=UTC).astimezone(zone) for close in closes]

    @cached_property
    def _table(self) -> SessionTable:
        if self.name in {ALWAYS_OPEN, EVERY_WEEKDAY}:
            return self._build_table_of_whole_days()
        known = _FIRST_DAYS.get(self.name, _FIRST_DAY_ELSEWHERE)
        return TABLES.get(self.name, f"from {known} to {LAST_DAY}", self._build_table)

    def _build_table_of_whole_days(self) -> SessionTable:
        """Return every day, or every weekday: sessions from midnight to midnight in UTC."""
        import numpy as np

        first = _FIRST_DAYS[self.name]
        days = np.arange(np.datetime64(first, "D"), np.datetime64(LAST_DAY, "D") + 1)
        days = days if self.name == ALWAYS_OPEN else days[np.is_busday(days)]
        return SessionTable(first, LAST_DAY, days, (days + 1).astype("datetime64[s]"), "UTC")

    def _build_table(self) -> SessionTable:
        """Return the library's table: 0.3 s, hardly less for fewer years."""
        first, last = self._find_span()
        calendar = _build_calendar(self.name, start=first, end=last)
        days = calendar.sessions.to_numpy().astype("datetime64[D]")
        closes = calendar.closes.dt.tz_localize(None).to_numpy().astype("datetime64[s]")
        return SessionTable(first, last, days, closes, calendar.tz.key)

    def _find_span(self) -> tuple[date, date]:
        first = _FIRST_DAYS.get(self.name)
        if first is not None:
            return first, LAST_DAY
        # Some calendars are recorded for some years only; a short one knows for which.
        short = _build_calendar(self.name)
        earliest, latest = short.bound_min(), short.bound_max()
        return (
            max(_FIRST_DAY_ELSEWHERE, earliest.date()) if earliest else _FIRST_DAY_ELSEWHERE,
            min(LAST_DAY, latest.date()) if latest else LAST_DAY,
        )


@lru_cache(maxsize=1024)
def _find_last_session(calendar: TradingCalendar, start: date, end: date) -> date | None:
    # The symbols of a run ask for the same few days.
    sessions = calendar.sessions(start, end)
    return sessions[-1].astype(date) if len(sessions) else None


@cache
def get_calendar(name: str = DEFAULT_CALENDAR) -> TradingCalendar:
    """Return the one calendar of this process with a name, as `require_calendar` returns it."""
    return TradingCalendar(name)


def find_calendar(named: str | None, days: NDArray[np.datetime64]) -> TradingCalendar:
    """Return a symbol's calendar: the one that the universe names, else the one its bars show.

    Bars of every day are those of a market that never closes, 24/7; bars of every weekday, holidays
    too, of one that closes on weekends only, 24/5; others are taken for New York's.
    """
    from engine.history import DAYS_PER_YEAR, WEEKDAYS_PER_YEAR, infer_bars_per_year

    shown = {DAYS_PER_YEAR: ALWAYS_OPEN, WEEKDAYS_PER_YEAR: EVERY_WEEKDAY}
    return get_calendar(named or shown.get(infer_bars_per_year(days), DEFAULT_CALENDAR))


def require_calendar(name: str) -> str:
    """Return the one name of a calendar that exchange_calendars has under this name or alias.

    Raises
    ------
    UnknownCalendarError
        When there is none, or the library cannot build it.
    """
    if name == DEFAULT_CALENDAR:
        return name  # without loading the library
    import exchange_calendars

    known = exchange_calendars.get_calendar_names()
    spelled = {one.upper(): one for one in known}.get(name.upper())
    if spelled is None:
        raise UnknownCalendarError(
            f"calendar {name[:40]!r} is unknown; allowed: a name of exchange_calendars, such as "
            "XNYS, XLON, XTKS, 24/7 or 24/5." + did_you_mean(name.upper(), known)
        )
    one_name = exchange_calendars.resolve_alias(spelled)
    try:
        _ = get_calendar(one_name).first_day
    except Exception as error:  # whatever the library raises over its own calendar
        raise UnknownCalendarError(
            f"calendar {one_name} can't be built by exchange_calendars "
            f"{exchange_calendars.__version__} ({type(error).__name__})."
        ) from error
    return one_name


def _build_calendar(
    name: str, start: date | None = None, end: date | None = None
) -> ExchangeCalendar:
    """Return the library's calendar.

    exchange_calendars 4.13 triggers deprecation warnings of pandas 3.1 while it is built, which
    users can't act on.
    """
    import warnings

    import exchange_calendars

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return exchange_calendars.get_calendar(name, start, end)
