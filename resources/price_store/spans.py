"""Which days of a symbol: a span, and the history that a backtest asks for. Loads nothing heavy."""

from datetime import date
from typing import NamedTuple

Span = tuple[date, date]
"""A first and a last day, both inclusive."""


class HistorySpec(NamedTuple):
    """A symbol, and the first and the last day of its history, both inclusive.

    Without the name of a `calendar`, `resources.trading_calendar.find_calendar` goes by the bars.
    `window_end` is the last day of the run's window, where the symbol was delisted before it.
    """

    symbol: str
    start: date
    end: date
    calendar: str | None = None
    window_end: date | None = None
