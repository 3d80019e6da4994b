"""Days as numbers: seconds since 1970 and their thousandths, or 20210104."""

import polars as pl

from resources.market_data.sources.tables.table import RefusedTableError, refuse_first

_UNITS = ((1e11, 1), (1e14, 10**3), (1e17, 10**6), (float("inf"), 10**9))
"""Below which size a number counts seconds, ms, us or ns: the year 5138 in s is 1973 in ms."""

_SMALLEST = 1e8  # of the largest number in a column: seconds of 1973
_DAY = 86_400


def parse_epochs(numbers: pl.Series, timezone: str, rows: pl.Series | None) -> pl.Series:
    """Return the day of each number; null stays null.

    Numbers that are all midnight in UTC are those days, others the day it was in `timezone`. Raises
    RefusedTableError for numbers that are neither days like 20210104 nor since 1970.
    """
    if numbers.dtype.is_float():
        numbers = numbers.set(numbers.is_nan(), None)
        whole = numbers.floor().cast(pl.Int64, strict=False)
    else:
        whole = numbers.cast(pl.Int64, strict=False)
    known = whole.drop_nulls()
    if known.is_empty():
        return whole.cast(pl.Date)
    if known.is_between(18_000_101, 21_991_231).all():
        text = whole.cast(pl.String)
        days = text.str.to_date("%Y%m%d", strict=False)
        refuse_first(
            "date", text, text.is_not_null() & days.is_null(), rows, "a date like 20210104"
        )
        return days
    size = known.abs().max()
    if not isinstance(size, int) or size < _SMALLEST:
        raise RefusedTableError(
            f"date {known[0]} in row 1 is not a date like 2021-01-04 or 20210104, or a number of "
            "seconds, ms, us or ns since 1970."
        )
    unit = next(unit for limit, unit in _UNITS if size < limit)
    seconds = whole // unit
    if (known % (unit * _DAY) == 0).all():
        return (seconds // _DAY).cast(pl.Int32).cast(pl.Date)
    stamps = (seconds * 1000).cast(pl.Datetime("ms", "UTC"))
    return stamps.dt.convert_time_zone(timezone).dt.date()
