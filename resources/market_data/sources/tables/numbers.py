"""How a file writes its numbers, decided over all its prices: a wrong number is worse than none."""

from collections.abc import Mapping, Sequence

import polars as pl

from resources.market_data.sources.tables.marks import (
    EITHER_POINT,
    POINT,
    VALID,
    find_mark,
    has_absurd_range,
)
from resources.market_data.sources.tables.table import RefusedTableError, refuse_first

NULLS = (
    *("", "-", "--", "\u2013", "\u2014", "."),
    *("n/a", "na", "n.a.", "#n/a", "#n/a n/a", "nan", "null", "none"),
)
"""Cells that hold no number, in lower case."""

_SUFFIXES = {"k": "3", "m": "6", "b": "9", "t": "12", "mio": "6", "mrd": "9", "mn": "6", "bn": "9"}
_SPACES = "[\\s'\u2019\u00a0\u2009\u202f]"
_SPACED = rf"^[+-]?\d{{1,3}}(?:{_SPACES}\d{{3}})+(?:[.,]\d*)?$"
_PERCENT = r"^\s*([+-]?[\d.,]+)\s*%\s*$"

Numbers = dict[str, pl.Series]


def parse_numbers(
    prices: Mapping[str, pl.Series],
    others: Mapping[str, pl.Series],
    hints: Sequence[pl.Series] = (),
    *,
    comma_groups: bool,
) -> Numbers:
    """Return prices and other columns as Float64; empty cells and "null", "-", "N/A" are null.

    `others` (volume, dividends) follow the mark of the prices. Where the prices leave it open, the
    others decide, and percentages in `hints`, columns of the same file that are not used otherwise;
    `comma_groups` says that a comma before three digits separates thousands where none of them
    decides it. Raises RefusedTableError for a cell that is no number, and where its mark could mean
    two things.
    """
    columns = {**prices, **others}
    read = {name: _read_plain(name, column) for name, column in columns.items()}
    numbers = {name: column for name, column in read.items() if column is not None}
    if len(numbers) == len(columns) and not _are_doubtful(prices, numbers):
        return numbers
    text = {name: column for name, column in columns.items() if column.dtype == pl.String}
    cleaned = {name: _clean(column) for name, column in text.items()}
    told = [cells for name, cells in cleaned.items() if name in prices]
    more = [cells for name, cells in cleaned.items() if name in others]
    percents = [hint.str.extract(_PERCENT) for hint in hints if hint.dtype == pl.String]
    more += [_clean(cells.drop_nulls()) for cells in percents]
    mark = find_mark(told, more, comma_groups=comma_groups)
    return {
        name: _convert(name, column, cleaned[name], mark)
        if name in cleaned
        else column.cast(pl.Float64)
        for name, column in columns.items()
    }


def _are_doubtful(prices: Mapping[str, pl.Series], numbers: Numbers) -> bool:
    """Return whether points may separate thousands: 1.234 in the first row, or 985 before 1.002."""
    first = [column.head(1).cast(pl.String).str.strip_chars() for column in prices.values()]
    if first and all(cell.str.contains(EITHER_POINT).all() for cell in first):
        return True
    values = [numbers[name].fill_nan(None).drop_nulls() for name in prices]
    return has_absurd_range(pl.concat(values)) if values else False


def _read_plain(name: str, column: pl.Series) -> pl.Series | None:
    """Return numbers as they are written in Python; None if some cell needs more."""
    if column.dtype.is_numeric():
        return column.cast(pl.Float64)
    if column.dtype != pl.String:
        raise RefusedTableError(f"its {name} is {column.dtype}, and must be a number.")
    numbers = column.cast(pl.Float64, strict=False)
    if numbers.null_count() == column.null_count():
        return numbers
    text = column.str.strip_chars()
    numbers = text.cast(pl.Float64, strict=False)
    empty = text.is_null() | text.str.to_lowercase().is_in(NULLS)
    return numbers if (empty | numbers.is_not_null()).all() else None


def _clean(column: pl.Series) -> pl.Series:
    """Return the digits and marks of each cell, a suffix such as M as an exponent."""
    text = column.str.strip_chars().str.to_lowercase()
    text = text.set(text.is_in(NULLS), None)
    text = text.str.replace(r"^([+-]?)\s*\p{Sc}\s*", "$1").str.replace(r"\s*\p{Sc}$", "")
    suffix = text.str.extract(r"^[+-]?\d.*?\s*(k|mio|mrd|mn|bn|m|b|t)\.?$")
    if suffix.null_count() < len(suffix):
        exponent = suffix.replace_strict(_SUFFIXES, default=None)
        body = text.str.replace(r"\s*(k|mio|mrd|mn|bn|m|b|t)\.?$", "")
        text = _choose(suffix.is_not_null(), body + "e" + exponent, text)
    spaced = text.str.contains(_SPACED).fill_null(value=False)
    return _choose(spaced, text.str.replace_all(_SPACES, ""), text) if spaced.any() else text


def _choose(condition: pl.Series, yes: pl.Series, no: pl.Series) -> pl.Series:
    return pl.select(pl.when(condition).then(yes).otherwise(no)).to_series()


def _convert(name: str, column: pl.Series, cells: pl.Series, mark: str) -> pl.Series:
    valid = cells.str.contains(VALID[mark])
    if mark == POINT:
        plain = cells.str.replace_all(",", "", literal=True)
    else:
        plain = cells.str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True)
    numbers = plain.cast(pl.Float64, strict=False)
    wrong = cells.is_not_null() & (~valid | numbers.is_null())
    refuse_first(name, column.str.strip_chars(), wrong, None, "a number")
    return numbers
