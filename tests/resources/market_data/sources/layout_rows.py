"""Bars for files of many layouts, and how vendors write their numbers."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import polars as pl

FIRST = date(2021, 1, 4)
Row = tuple[date, float, float, float, float, int]


def _make_rows() -> list[Row]:
    """Return 40 weekdays; prices in cents on both sides of 1,000, volume in ten thousands."""
    weekdays = (FIRST + timedelta(days=n) for n in range(56))
    rows, close = [], 98_725
    for n, day in enumerate(day for day in weekdays if day.weekday() < 5):
        start = close + (n * 137) % 223 - 91
        close = start + (n * 211) % 401 - 157
        high, low = max(start, close) + 35 + n, min(start, close) - 41 - n
        prices = (cents / 100 for cents in (start, high, low, close))
        rows.append((day, *prices, 990_000 + 10_000 * n))
    return rows


ROWS: list[Row] = _make_rows()
BARS = pl.DataFrame(
    {"date": [row[0] for row in ROWS]}
    | {name: [row[i] for row in ROWS] for i, name in enumerate(("open", "high", "low", "close"), 1)}
    | {"volume": [float(row[5]) for row in ROWS], "adjustment": 1.0}
)
NEWEST_FIRST = ROWS[::-1]

# Number styles


def german(value: float) -> str:
    """Return 1234.5 as 1.234,50."""
    return f"{value:,.2f}".translate(str.maketrans(",.", ".,"))


def millions(value: int) -> str:
    """Return 990000 as 0.99M."""
    return f"{value / 1e6:.2f}M"


def epoch(day: date, hours: int = 0) -> int:
    """Return the seconds of a day's midnight in UTC, and hours more."""
    return int(datetime(day.year, day.month, day.day, hours, tzinfo=UTC).timestamp())


def table(header: str, line: Callable[..., str], rows: list[Row] | None = None) -> str:
    """Return the header and a line per bar."""
    return header + "\n" + "".join(line(*row) + "\n" for row in rows or ROWS)


def plain(d: date, o: float, h: float, low: float, c: float, v: int) -> str:
    """Return a line of date, open, high, low, close, volume."""
    return f"{d},{o},{h},{low},{c},{v}"


def quoted(*cells: object) -> str:
    """Return cells in quotes, between commas."""
    return ",".join(f'"{cell}"' for cell in cells)


def chlo(d: date, o: float, h: float, low: float, c: float, v: int) -> str:
    """Return a line of date, close, high, low, open, volume."""
    return f"{d},{c},{h},{low},{o},{v}"


def achlo(d: date, o: float, h: float, low: float, c: float, v: int) -> str:
    """Return a line of date, adjusted close, close, high, low, open, volume."""
    return f"{d},{c},{c},{h},{low},{o},{v}"
