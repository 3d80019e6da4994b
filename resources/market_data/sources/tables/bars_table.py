"""A table of any vendor as bars: its columns, rows, dates, numbers and adjustment together."""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from resources.market_data.bars import HALF_SPREAD, PRICES, find_schema
from resources.market_data.sources.tables.actions import (
    Actions,
    derive_factor,
    read_splits,
    refuse_lost_actions,
)
from resources.market_data.sources.tables.adjustment import AS_TRADED, find_needed, unadjust
from resources.market_data.sources.tables.columns import ColumnNames
from resources.market_data.sources.tables.dates import parse_days
from resources.market_data.sources.tables.numbers import Numbers, parse_numbers
from resources.market_data.sources.tables.table import RefusedTableError, Table
from resources.trading_calendar import NEW_YORK

_IS_PRICE = {*PRICES, *(f"adjusted_{name}" for name in PRICES)}

_MOST_NAMED = 40  # characters of a column's name, in notes and errors
_EMPTY = "(?i)^\\s*([-\u2013\u2014.]*|n/?a|nan|null|none)\\s*$"
_ZERO = r"^[0.,\s]*$"


@dataclass(frozen=True, slots=True)
class ReadBars:
    """Bars of a whole file, in the schema of bars but not validated, oldest first.

    `basis` says what the prices are adjusted by, `dropped` is the number of rows without a price.
    Without `has_volume` all volumes are 0.0, for the file has none.
    """

    bars: pl.DataFrame
    basis: str
    dropped: int
    has_volume: bool


def build_bars(
    table: Table, columns: ColumnNames, symbol: str, timezone: str = NEW_YORK
) -> ReadBars:
    """Return the bars of a table; a single missing price is null, for the rules of bars to find.

    Rows without any price are left out. Rows from newest to oldest are turned around. Without a
    volume, or with an empty one, all volumes are 0.0; half-spreads that are all empty are none.
    `timezone` is the exchange's. Raises
    RefusedTableError.
    """
    at = _find_columns(table, columns, symbol)
    names = {role: table.names[position].strip()[:_MOST_NAMED] for role, position in at.items()}
    numbers = _parse_columns(table, at)
    date = table.column(at.pop("date"))
    kept = _find_kept_rows(numbers)
    rows, dropped = None, 0
    if not kept.all():
        dropped = int((~kept & _is_filled(date)).sum())
        rows = kept.arg_true() + 1
        refuse_lost_actions(numbers, kept)
        date = date.filter(kept)
        numbers = {role: column.filter(kept) for role, column in numbers.items()}
    days = parse_days(date, timezone, rows, names["date"])
    if days.has_nulls():  # no window would hold such a row, and no rule would see it
        row = days.is_null().arg_max() or 0
        raise RefusedTableError(
            f"a date is missing in row {row + 1 if rows is None else rows[row]}."
        )
    if len(days) > 1 and days[0] > days[-1] and days.is_sorted(descending=True):
        days = days.reverse()
        numbers = {role: column.reverse() for role, column in numbers.items()}
    prices, factor, basis = unadjust(numbers, names)
    for name in PRICES:
        if name not in prices:
            raise RefusedTableError(f"its file has no column '{columns.describe(name)}'.")
    if factor is None:
        factor, basis = _derive_factor(prices, days, numbers, names)
    volume = numbers.get("volume", pl.repeat(0.0, len(days), eager=True))
    spread = {HALF_SPREAD: numbers[HALF_SPREAD]} if HALF_SPREAD in numbers else {}
    bars = pl.DataFrame({"date": days, **prices, "volume": volume, "adjustment": factor, **spread})
    return ReadBars(bars.select(*find_schema(bars)), basis, dropped, "volume" in at)


def _find_columns(table: Table, columns: ColumnNames, symbol: str) -> dict[str, int]:
    """Return where the columns are that bars are made of."""
    found = columns.find(table.names, symbol)
    if table.date is not None:
        found["date"] = [table.date]
    elif "date" not in found:
        found["date"] = [at for at, name in enumerate(table.names) if columns.is_index(name)][:1]
        if not found["date"]:
            raise RefusedTableError(f"its file has no column '{columns.describe('date')}'.")
    # MetaTrader has two volumes, one of them 0 in every row.
    volumes = [at for at in found.pop("volume", []) if not _is_all(_EMPTY, table.column(at))]
    volumes.sort(key=lambda at: _is_all(_ZERO, table.column(at)))
    needed = find_needed(found)
    if any(not _is_all(_EMPTY, table.column(place)) for place in found.get(HALF_SPREAD, [])):
        needed.append(HALF_SPREAD)
    at = {role: columns.find_one(role, found, table.names, symbol) for role in needed}
    return at | ({"volume": volumes[0]} if volumes else {})


def _is_all(pattern: str, column: pl.Series) -> bool:
    """Return whether all cells are as `pattern`, `_EMPTY` or `_ZERO`."""
    if column.dtype == pl.String:
        return bool(column.str.contains(pattern).all())
    if pattern == _EMPTY or not column.dtype.is_numeric():
        return column.null_count() == len(column)
    return bool((column.cast(pl.Float64) == 0).all())


def _parse_columns(table: Table, at: Mapping[str, int]) -> Numbers:
    """Return the numbers of each column, null where there is none."""
    text = {role: table.column(position) for role, position in at.items() if role != "date"}
    splits = read_splits(text.pop("split")) if "split" in text else None
    prices = {role: column for role, column in text.items() if role in _IS_PRICE}
    others = {role: column for role, column in text.items() if role not in _IS_PRICE}
    dates = table.column(at["date"])
    # 04.01.2021 is written where the comma is the decimal mark, even between commas and quotes.
    dotted = dates.dtype == pl.String and dates.head(1).str.contains(r"^\s*\d{1,2}\.\d").any()
    unused = [table.column(i) for i in range(len(table.names)) if i not in at.values()]
    comma_groups = table.separator == "," and not dotted
    numbers = parse_numbers(prices, others, unused, comma_groups=comma_groups)
    if splits is not None:
        numbers["split"] = splits
    return {role: column.fill_nan(None) for role, column in numbers.items()}


def _find_kept_rows(numbers: Numbers) -> pl.Series:
    """Return which rows have a price; of adjusted prices only where there are no others."""
    prices = [column for role, column in numbers.items() if role in PRICES] or [
        column for role, column in numbers.items() if role in _IS_PRICE
    ]
    if not prices:
        raise RefusedTableError("its file has no column 'open'.")
    kept = prices[0].is_not_null()
    for column in prices[1:]:
        kept |= column.is_not_null()
    return kept


def _is_filled(column: pl.Series) -> pl.Series:
    if column.dtype != pl.String:
        return column.is_not_null()
    return (column.str.strip_chars() != "").fill_null(value=False)


def _derive_factor(
    prices: Numbers, days: pl.Series, numbers: Numbers, names: Mapping[str, str]
) -> tuple[pl.Series, str]:
    """Return the factor from splits and dividends, 1.0 without such columns, and its basis."""
    if days.is_empty() or not {"split", "dividend"} & set(numbers):
        return pl.repeat(1.0, len(days), eager=True), AS_TRADED
    actions = Actions(
        numbers["split"].to_numpy() if "split" in numbers else None,
        numbers["dividend"].fill_null(0.0).to_numpy() if "dividend" in numbers else None,
        names.get("split", ""),
        names.get("dividend", ""),
    )
    opens, close = (prices[name].cast(pl.Float64).to_numpy() for name in ("open", "close"))
    if not days.is_sorted():  # the rules of bars see only the window
        raise RefusedTableError(
            "its dates are not in order, and splits need that; allowed: oldest first."
        )
    factor, basis = derive_factor(opens, close, days.to_list(), actions)
    return pl.Series(factor), basis
