"""How a file writes its days, decided over the whole column."""

import polars as pl

from resources.market_data.sources.tables.epochs import parse_epochs
from resources.market_data.sources.tables.stamps import TAIL, read_days_of_stamps
from resources.market_data.sources.tables.table import RefusedTableError, refuse_first
from resources.trading_calendar import NEW_YORK

_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_WEEKDAY = r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,?\s+)?"
_MONTH = r"(?P<month>(?:" + "|".join(_MONTHS) + r")[a-z]*)\.?"
_YEAR = r"(?P<year>\d{4}|\d\d)"
_ISO = r"^\d{4}-\d\d-\d\d$"
_NUMBER = r"^-?\d+(\.\d+)?$"

_HEADS = (
    (r"(?P<year>\d{4})[-./](?P<month>\d{1,2})[-./](?P<day>\d{1,2})", "2021-01-04"),
    (r"(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)", "20210104"),
    (rf"{_WEEKDAY}(?P<day>\d{{1,2}})[-./ ]*{_MONTH},?[-./ ]*{_YEAR}", "04-Jan-2021"),
    (rf"{_WEEKDAY}{_MONTH}[-./ ]*(?P<day>\d{{1,2}}),?[-./ ]+{_YEAR}", "Jan 04, 2021"),
    (rf"(?P<year>\d{{4}})[-./ ]{_MONTH}[-./ ](?P<day>\d{{1,2}})", "2021-Jan-04"),
)
_THREE = r"(?P<a>\d{1,2})[-./](?P<b>\d{1,2})[-./](?P<c>\d{4}|\d\d)"
_ORDERS = {"day first": "bac", "month first": "abc", "year first": "bca"}
"""What a, b and c are by how the date is read, as the month, the day and the year."""

_WHOLE_YEAR = r"^\d{4}$"
_PIVOT = 69  # two digits of a year: 69 is 1969, 68 is 2068, as in POSIX


def parse_days(
    column: pl.Series, timezone: str = NEW_YORK, rows: pl.Series | None = None, name: str = ""
) -> pl.Series:
    """Return the session of each row, null where there is none.

    Stamps that are midnight of their own offset, or have no zone, are the days they say; others are
    the day it was in `timezone`, the exchange's. `rows` are row numbers for errors; `name`, the
    file's name of the column, may say that its stamps are in UTC. Raises RefusedTableError for a
    cell that is no date, and where day and month cannot be told apart.
    """
    if column.dtype == pl.String:
        return _parse_text(column, timezone, rows, name.lower())
    if column.dtype.is_numeric():
        return parse_epochs(column, timezone, rows)
    if not isinstance(column.dtype, pl.Date | pl.Datetime):
        raise RefusedTableError(f"its dates are {column.dtype}, and must be dates or text.")
    return _read_typed(column, timezone)


def _parse_text(column: pl.Series, timezone: str, rows: pl.Series | None, name: str) -> pl.Series:
    text = column.str.strip_chars()
    text = text.set(text == "", None)
    known = text.drop_nulls()
    if known.str.contains(_ISO).all():
        days = text.str.to_date("%Y-%m-%d", strict=False)
        _refuse_unread(text, days, rows, "2021-01-04")
        return days
    if known.str.contains(_NUMBER).all() and not _are_compact(known):
        whole = not known.str.contains(".", literal=True).any()
        numbers = text.cast(pl.Int64 if whole else pl.Float64, strict=False)
        _refuse_unread(text, numbers, rows, "2021-01-04")  # too large
        return parse_epochs(numbers, timezone, rows)
    return _parse_stamps(text, timezone, rows, in_utc="utc" in name or "gmt" in name)


def _are_compact(known: pl.Series) -> bool:
    return bool(known.str.contains(r"^(1[89]|2[01])\d\d[01]\d[0-3]\d$").all())


def _read_typed(column: pl.Series, timezone: str) -> pl.Series:
    if not isinstance(column.dtype, pl.Datetime):
        return column
    at_midnight = (column.dt.time().drop_nulls() == pl.Series([0]).cast(pl.Time)[0]).all()
    if column.dtype.time_zone is None or at_midnight:
        return column.dt.date()
    return column.dt.convert_time_zone(timezone).dt.date()


def _parse_stamps(
    text: pl.Series, timezone: str, rows: pl.Series | None, *, in_utc: bool
) -> pl.Series:
    first = text.drop_nulls()[0]
    for head, example in _HEADS:
        pattern = rf"(?i)^{head}{TAIL}$"
        if pl.Series([first]).str.contains(pattern)[0]:
            parts = text.str.extract_groups(pattern).struct.unnest()
            days = _build_days(parts["year"], parts["month"], parts["day"])
            _refuse_unread(text, days, rows, example)
            return read_days_of_stamps(text, days, parts, timezone, rows, in_utc=in_utc)
    pattern = rf"(?i)^{_THREE}{TAIL}$"
    parts = text.str.extract_groups(pattern).struct.unnest()
    what = "a date like 2021-01-04"
    refuse_first("date", text, text.is_not_null() & parts["a"].is_null(), rows, what)
    days = _choose_order(text, parts)
    return read_days_of_stamps(text, days, parts, timezone, rows, in_utc=in_utc)


def _choose_order(text: pl.Series, parts: pl.DataFrame) -> pl.Series:
    """Return the days in the one order of day and month that fits the whole column."""
    readings = {}
    for order, parts_of_order in _ORDERS.items():
        if order == "year first" and parts["c"].str.contains(_WHOLE_YEAR).any():
            continue
        month, day, year = (parts[name] for name in parts_of_order)
        days = _build_days(year, month, day)
        if days.null_count() == text.null_count():
            readings[order] = days
    if not readings:
        raise RefusedTableError(
            "no order of day and month fits all dates: "
            f"{_find_example(text, parts['a'])} and {_find_example(text, parts['b'])}."
        )
    if len(readings) > 1:
        ordered = {order: days for order, days in readings.items() if _is_ordered(days)}
        if len(ordered) != 1:
            raise RefusedTableError(_describe_ambiguity(text, readings))
        readings = ordered
    return next(iter(readings.values()))


def _find_example(text: pl.Series, part: pl.Series) -> str:
    return repr(text[part.cast(pl.Int64, strict=False).arg_max() or 0][:40])


def _describe_ambiguity(text: pl.Series, readings: dict[str, pl.Series]) -> str:
    differ = pl.DataFrame(list(readings.values())[:2], schema=["a", "b"]).select(
        (pl.col("a") != pl.col("b")).arg_max()
    )
    row = differ.item() or 0
    days = " or ".join(f"{days[row]} ({order})" for order, days in readings.items())
    return (
        f"its dates could be read in several ways: '{text[row][:40]}' is {days}, and no other row "
        "decides it; allowed: dates like 2021-01-04, or more rows."
    )


def _is_ordered(days: pl.Series) -> bool:
    steps = days.drop_nulls().to_physical().diff().drop_nulls()
    return bool((steps > 0).all() or (steps < 0).all())


def _build_days(year: pl.Series, month: pl.Series, day: pl.Series) -> pl.Series:
    """Return dates of text; null where there is no such day."""
    short = ~year.str.contains(_WHOLE_YEAR).fill_null(value=True)
    if short.any():
        number = year.cast(pl.Int32, strict=False)
        number += pl.select(pl.when(number >= _PIVOT).then(1900).otherwise(2000)).to_series()
        year = pl.select(pl.when(short).then(number.cast(pl.String)).otherwise(year)).to_series()
    if month.str.contains("^[A-Za-z]").any():
        month = (
            month.str.slice(0, 3)
            .str.to_lowercase()
            .replace_strict(_MONTHS, [str(number) for number in range(1, 13)], default=None)
        )
    text = year + "-" + month.str.zfill(2) + "-" + day.str.zfill(2)
    return text.str.to_date("%Y-%m-%d", strict=False)


def _refuse_unread(text: pl.Series, read: pl.Series, rows: pl.Series | None, example: str) -> None:
    what = f"a date like {example}"
    refuse_first("date", text, text.is_not_null() & read.is_null(), rows, what)
