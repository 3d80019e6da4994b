"""Which mark is the decimal one in the numbers of a file.

A decimal point or comma is told from separators of thousands by cells that leave no choice: both
marks in one cell, one mark twice, a group that has not three digits. Points alone are decimal
points. Where "1,234" could be either, the file is refused.
"""

from collections.abc import Sequence

import polars as pl

from resources.market_data.sources.tables.table import RefusedTableError

_ABSURD = 100.0  # prices of one symbol, the highest to the lowest; a misread mark is 1000

POINT = "point"
COMMA = "comma"
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
EITHER_COMMA = r"^[+-]?[1-9]\d{0,2},\d{3}$"
EITHER_POINT = r"^[+-]?[1-9]\d{0,2}\.\d{3}$"
VALID = {
    POINT: r"^[+-]?(\d+|[1-9]\d{0,2}(,\d{2,3})*,\d{3})?(\.\d*)?(e[+-]?\d+)?$",
    COMMA: r"^[+-]?(\d+|[1-9]\d{0,2}(\.\d{3})+)?(,\d*)?(e[+-]?\d+)?$",
}


def find_mark(prices: Sequence[pl.Series], more: Sequence[pl.Series], *, comma_groups: bool) -> str:
    """Return the decimal mark of cleaned cells, POINT or COMMA; `more` decides what prices do not.

    `comma_groups` says that "1,234" is 1234 where no cell decides it. Raises RefusedTableError
    where cells contradict each other, or none decides.
    """
    if mark := _find_certain(prices):
        return mark
    cells = _join(prices)
    comma, point = _find_first(cells, EITHER_COMMA), _find_first(cells, EITHER_POINT)
    if comma and point:
        raise RefusedTableError(
            f"its numbers could be read in two ways: in {comma!r} and {point!r} either mark may be "
            "the decimal one."
        )
    if mark := _find_certain(more):
        return mark
    if point and has_absurd_range(cells.cast(pl.Float64, strict=False).drop_nulls()):
        raise RefusedTableError(
            f"its numbers could be read in two ways: {point!r} is {point} or "
            f"{point.replace('.', '')}, and the prices differ by a factor of 100; allowed: 1234 or "
            "1.2340."
        )
    if point:
        return POINT
    if not comma:
        cells = _join(more)
        comma = _find_first(cells, EITHER_COMMA)
    if comma and not comma_groups and not cells.str.contains(r"^[+-]?\d{1,3}$").any():
        raise RefusedTableError(
            f"its numbers could be read in two ways: {comma!r} is {comma.replace(',', '')} or "
            f"{comma.replace(',', '.')}, and no other cell decides it; allowed: 1234 or 1.234."
        )
    return POINT


def has_absurd_range(values: pl.Series) -> bool:
    """Return whether some prices are so many times others that their marks may be misread."""
    low, high = values.min(), values.max()
    return isinstance(low, float) and isinstance(high, float) and high > _ABSURD * abs(low)


def _find_certain(columns: Sequence[pl.Series]) -> str | None:
    """Return the mark of cells that can be read in one way; None if there are none."""
    cells = _join(columns)
    by_point, by_comma = (_find_first(cells, pattern) for pattern in (_BY_POINT, _BY_COMMA))
    if by_point and by_comma:
        raise RefusedTableError(
            f"its numbers have two decimal marks: a point in {by_point!r}, a comma in {by_comma!r}."
        )
    return POINT if by_point else COMMA if by_comma else None


def _join(columns: Sequence[pl.Series]) -> pl.Series:
    """Return the cells of all columns, without exponents."""
    if not columns:
        return pl.Series([], dtype=pl.String)
    cells = pl.concat([column.drop_nulls().rename("") for column in columns])
    return cells.str.replace(r"e[+-]?\d+$", "")


def _find_first(cells: pl.Series, pattern: str) -> str | None:
    found = cells.str.contains(pattern)
    return cells[found.arg_max() or 0][:40] if found.any() else None
