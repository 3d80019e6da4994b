"""Which days of a symbol: a span, and the history that a backtest asks for. Loads nothing heavy."""

from datetime import date
from typing import NamedTuple

from resources.trading_calendar import DEFAULT_CALENDAR

Span = tuple[date, date]
"""A first and a last day, both inclusive."""


class HistorySpec(NamedTuple):
    """A symbol, the first and the last day of its history, both inclusive, and its calendar."""

    symbol: str
    start: date
    end: date
    calendar: str = DEFAULT_CALENDAR
