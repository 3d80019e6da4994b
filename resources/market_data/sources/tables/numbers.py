"""How a file writes its numbers, decided over all its prices: a wrong number is worse than none.

A decimal point or comma is told from separators of thousands by cells that leave no choice: both
marks in one cell, one mark twice, a group that has not three digits. Points alone are decimal
points. Where "1,234" could be either, the file is refused.
"""

from collections.abc import Mapping

import polars as pl

from resources.market_data.sources.tables.table import RefusedTableError, refuse_first

NULLS = ("", "-", "--", "—", "–", ".", "n/a", "na", "n.a.", "#n/a", "#n/a n/a", "nan", "null", "none")
_SUFFIXES = {"k": "3", "m": "6", "b": "9", "t": "12", "mio": "6", "mrd": "9", "mn": "6", "bn": "9"}
_SPACES = r"[\s'’\u00a0\u2009\u202f]"
_SPACED = rf"^[+-]?\d{{1,3}}(?:{_SPACES}\d{{3}})+(?:[.,]\d*)?$"

_POINT = "point"
_COMMA = "comma"
_BY_POINT = (
    r"^[+-]?[1-9]\d{0,2}(,\d{2,3})*,\d{3}\.\d*$"  # 1,234.5 and 12,34,567.8
    r"|^[+-]?[1-9]\d{0,2}(,\d{2,3})+,\d{3}$"  # 1,234,567
    r"|^[+-]?(\d{4,}|0+)?\.\d*$|^[+-]?\d*\.(\d{0,2}|\d{4,})$"  # 12.5 and 0.125, not 1.234
)
_BY_COMMA = (
    r"^[+-]?[1-9]\d{0,2}(\.\d{3})+,\d*$"
    r"|^[+-]?[1-9]\d{0,2}(\.\d{3}){2,}$"
    r"|^[+-]?(\d{4,}|0+)?,\d*$|^[+-]?\d*,(\d{0,2}|\d{4,})$"
)
_EITHER_COMMA = r"^[+-]?[1-9]\d{0,2},\d{3}$"
_EITHER_POINT = r"^[+-]?[1-9]\d{0,2}\.\d{3}$"
_VALID = {
    _POINT: r"^[+-]?(\d+|[1-9]\d{0,2}(,\d{2,3})*,\d{3})?(\.\d*)?(e[+-]?\d+)?$",
    _COMMA: r"^[+-]?(\d+|[1-9]\d{0,2}(\.\d{3})+)?(,\d*)?(e[+-]?\d+)?$",
}

Numbers = dict[str, pl.Series]


def parse_numbers(
    prices: Mapping[str, pl.Series], others: Mapping[str, pl.Series], *, comma_groups: bool
) -> Numbers:
    """Return prices and other columns as Float64; empty cells and "null", "-", "N/A" are null.

    `others` (volume, dividends) follow the mark of the prices. `comma_groups` says that a comma
    before three digits separates thousands where no cell decides it. Raises RefusedTableError for a cell
    that is no number, and where its mark could mean two things.
    """
    columns = {**prices, **others}
    numbers = {name: _read_plain(name, column) for name, column in columns.items()}
    if all(column is not None for column in numbers.values()):
        return {name: column for name, column in numbers.items() if column is not None}
    cleaned = {name: _clean(column.cast(pl.String)) for name, column in columns.items()}
    mark = _find_mark([cleaned[name] for name in prices], comma_groups) or _find_mark(
        [cleaned[name] for name in others], comma_groups
    )
    return {
        name: _convert(name, columns[name].cast(pl.String), cleaned[name], mark or _POINT)
        if columns[name].dtype == pl.String
        else columns[name].cast(pl.Float64)
        for name in columns
    }


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


def _find_mark(columns: list[pl.Series], comma_groups: bool) -> str | None:
    """Return the decimal mark of some columns; None if they have no mark at all."""
    if not columns:
        return None
    cells = pl.concat([column.drop_nulls().rename("") for column in columns])
    cells = cells.str.replace(r"e[+-]?\d+$", "")
    by_point, by_comma = (_find_first(cells, pattern) for pattern in (_BY_POINT, _BY_COMMA))
    either, points = (_find_first(cells, one) for one in (_EITHER_COMMA, _EITHER_POINT))
    if by_point and by_comma:
        raise RefusedTableError(
            f"its numbers have two decimal marks: {by_point!r} has a point, {by_comma!r} a comma."
        )
    if by_point or by_comma:
        return _POINT if by_point else _COMMA
    if either and points:
        raise RefusedTableError(
            f"its numbers could be read in two ways: in {either!r} and {points!r} either mark may "
            "be the decimal one."
        )
    if either and not comma_groups and not cells.str.contains(r"^[+-]?\d{1,3}$").any():
        whole = either.replace(",", "")
        raise RefusedTableError(
            f"its numbers could be read in two ways: {either!r} is {whole} or "
            f"{either.replace(',', '.')}, and no other cell decides it."
        )
    return _POINT if either or points else None


def _find_first(cells: pl.Series, pattern: str) -> str | None:
    found = cells.str.contains(pattern)
    return cells[found.arg_max() or 0][:40] if found.any() else None


def _convert(name: str, column: pl.Series, cells: pl.Series, mark: str) -> pl.Series:
    valid = cells.str.contains(_VALID[mark])
    if mark == _POINT:
        plain = cells.str.replace_all(",", "", literal=True)
    else:
        plain = cells.str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True)
    numbers = plain.cast(pl.Float64, strict=False)
    wrong = cells.is_not_null() & (~valid | numbers.is_null())
    refuse_first(name, column.str.strip_chars(), wrong, None, "a number")
    return numbers
