"""Which days of a symbol: a span, and the history that a backtest asks for. Loads nothing heavy."""

from datetime import date
from typing import NamedTuple

Span = tuple[date, date]
"""A first and a last day, both inclusive."""


class HistorySpec(NamedTuple):
    """A symbol, the first and the last day of its history, both inclusive, and its calendar.

    Without the name of a calendar `resources.trading_calendar.find_calendar` goes by the bars.
    """

    symbol: str
    start: date
    end: date
    calendar: str | None = None
