"""A folder or bucket of one CSV or Parquet file per symbol, through fsspec.

`AAPL.csv` or `AAPL.parquet`: a header with date (or datetime, timestamp), open, high, low, close
and volume; an optional adjusted close ("Adj Close", adjClose, adjusted_close, Adjusted) becomes the
adjustment, as does a column `adjustment` as the price store writes it. Only letters and digits of a
name count, in any letter case. Other columns are ignored. Bars inside the window must be valid;
every cell must be readable.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import cast

import fsspec
import polars as pl
from fsspec.implementations.local import LocalFileSystem

from resources.files.unreadable import UNREADABLE
from resources.market_data.bars import SCHEMA, BadBarsError, validate_bars, widen_ranges
from resources.market_data.source import (
    MarketDataError,
    SourceUnavailableError,
    UnknownSymbolError,
    select_window,
)
from resources.market_data.sources.file_reader import (
    RefusedContentError,
    csv_table,
    parquet_table,
    refuse_size,
)
from resources.market_data.sources.transient_errors import is_transient_error
from resources.universe import SYMBOL_RULE, is_symbol
from strategies.errors import did_you_mean

DATE_NAMES = ("date", "datetime", "timestamp")
ADJUSTED = "adjusted_close"
ADJUSTED_NAMES = ("adjclose", "adjustedclose", "closeadj", "closeadjusted", "adjusted")
FORMATS = ("csv", "parquet")


class FilesSource:
    """Bars from files under `prices`, a folder or any URL that fsspec can open.

    `repaired` has the number of bars, by symbol, whose high or low was off by rounding.
    """

    name = "files"

    def __init__(self, prices: str, columns: Mapping[str, str] | None = None) -> None:
        """Open the folder; one that is missing or unreachable raises MarketDataError.

        `columns` says how the files call a column, by the name it has here, as in
        ``{"close": "PX_LAST"}``; an unknown name raises MarketDataError.
        """
        self._spellings = _collect_spellings(columns or {})
        self.repaired: dict[str, int] = {}
        self._shown = _redact(prices)
        try:
            self._fs, self._root = fsspec.url_to_fs(prices)
            found = self._fs.isdir(self._root)
        except Exception as error:
            reason = _redact(str(error).replace(prices, self._shown))
            if is_transient_error(error):
                raise SourceUnavailableError(f"{self._shown} does not answer: {reason}.") from error
            if isinstance(error, OSError | ValueError | ImportError):
                raise MarketDataError(
                    f"Folder {self._shown} cannot be opened: {reason}."
                ) from error
            raise
        if not found:
            raise MarketDataError(
                f"Folder {self._shown} does not exist: source 'files' needs a folder or URL of "
                "one CSV or Parquet file per symbol (GAUNTLET_PRICES)."
            )

    def fetch(self, symbol: str, start: date, end: date) -> pl.DataFrame:
        """See `PriceSource.fetch`; a symbol without a file raises UnknownSymbolError."""
        if not is_symbol(symbol):  # and so never a path out of the folder
            raise UnknownSymbolError(f"{symbol[:40]!r} is not a symbol ({SYMBOL_RULE}).")
        bars = _build_bars(symbol, self._read_table(symbol), self._spellings)
        window = select_window(self.name, symbol, bars, start, end)
        window, self.repaired[symbol] = widen_ranges(window)
        return validate_bars(symbol, window)

    def _read_table(self, symbol: str) -> pl.DataFrame:
        names = [f"{symbol}.{suffix}" for suffix in FORMATS]
        contents = {name: self._read_content(symbol, name) for name in names}
        found = [name for name, content in contents.items() if content is not None]
        if not found:
            where = f"{self._shown} has no {' and no '.join(names)}"
            raise UnknownSymbolError(f"{symbol}: no file; {where}.")
        if len(found) > 1:
            both = " and ".join(found)
            raise MarketDataError(f"{symbol}: {self._shown} has both {both}; keep one of them.")
        return self._parse(symbol, found[0], contents[found[0]] or b"")

    def _read_content(self, symbol: str, name: str) -> bytes | None:
        """Return what a file holds; None if there is none.

        Not asked first whether it exists: a web server that does not answer would say no.
        """
        path = f"{self._root}/{name}"
        try:
            if isinstance(self._fs, LocalFileSystem):
                refuse_size(Path(path).stat().st_size)  # before it is in memory
            return cast("bytes", self._fs.cat_file(path))
        except FileNotFoundError:
            return None
        except RefusedContentError as error:
            raise self._build_unreadable_error(symbol, name, str(error)) from error
        except Exception as error:
            reason = _redact(str(error).partition("\n")[0])
            if is_transient_error(error):
                raise SourceUnavailableError(
                    f"{symbol}: {self._shown} does not answer: {reason}."
                ) from error
            if isinstance(error, OSError):
                raise self._build_unreadable_error(symbol, name, reason) from error
            raise

    def _parse(self, symbol: str, name: str, content: bytes) -> pl.DataFrame:
        try:
            if name.endswith(".csv"):
                return csv_table(content)
            return parquet_table(content, self._select_known)
        except (RefusedContentError, *UNREADABLE) as error:
            reason = str(error).partition("\n")[0]
            raise self._build_unreadable_error(symbol, name, reason) from error

    def _select_known(self, columns: Sequence[str]) -> list[str]:
        known = {name for spellings in self._spellings.values() for name in spellings}
        return [column for column in columns if _simplify(column) in known]

    def _build_unreadable_error(self, symbol: str, name: str, reason: str) -> BadBarsError:
        return BadBarsError(f"{symbol}: {name} in {self._shown} is not readable: {reason}.")


def _collect_spellings(columns: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Return how each of our columns may be called in a file, simplified."""
    known: dict[str, tuple[str, ...]] = {name: (name,) for name in SCHEMA}
    known |= {"date": DATE_NAMES, ADJUSTED: ADJUSTED_NAMES}
    for name, called in columns.items():
        if name not in known:
            raise MarketDataError(
                f"columns has no place for '{name}': use {', '.join(known)}."
                + did_you_mean(name, known)
            )
        known[name] = (_simplify(called),)
    return known


def _simplify(name: str) -> str:
    """Return the letters and digits of a column's name, in lower case."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _build_bars(
    symbol: str, table: pl.DataFrame, spellings: Mapping[str, tuple[str, ...]]
) -> pl.DataFrame:
    """Return `table` in the schema of bars; missing cells become null, for the rules to find."""
    names = _match_columns(symbol, table, spellings)
    columns = {
        name: _parse_numbers(symbol, name, table[column])
        for name, column in names.items()
        if name != "date"
    }
    adjusted_close = columns.pop(ADJUSTED, None)
    if adjusted_close is not None:
        columns["adjustment"] = adjusted_close / columns["close"]
    elif "adjustment" not in columns:
        columns["adjustment"] = pl.repeat(1.0, table.height, eager=True)
    dates = _parse_dates(symbol, table[names["date"]])
    if dates.has_nulls():  # no window would hold such a row, and no rule would see it
        row = dates.is_null().arg_max() or 0
        raise BadBarsError(f"{symbol}: a date is missing in row {row + 1}.")
    return pl.DataFrame({"date": dates, **columns}).select(*SCHEMA)


def _match_columns(
    symbol: str, table: pl.DataFrame, spellings: Mapping[str, tuple[str, ...]]
) -> dict[str, str]:
    """Return the table's column for the date, each number and, if there, the adjusted close."""
    lowered = [_simplify(column) for column in table.columns]
    names = {}
    for name, allowed in spellings.items():
        found = [spelling for spelling in allowed if spelling in lowered]
        if found and lowered.count(found[0]) > 1:
            raise BadBarsError(f"{symbol}: column '{found[0]}' is twice in its file.")
        if found:
            names[name] = table.columns[lowered.index(found[0])]
        elif name not in {"adjustment", ADJUSTED}:
            raise BadBarsError(f"{symbol}: its file has no column '{' or '.join(allowed)}'.")
    return names


def _parse_dates(symbol: str, column: pl.Series) -> pl.Series:
    """Return days; a time of day or an offset behind them is dropped, the day stays local."""
    if isinstance(column.dtype, pl.Datetime):
        return column.dt.date()
    if column.dtype == pl.Date:
        return column
    if column.dtype != pl.String:
        raise BadBarsError(f"{symbol}: its dates are {column.dtype}, and must be dates or text.")
    text = column.str.strip_chars()
    days = text.str.extract(r"^(\d{4}-\d\d-\d\d)(?:[T ].*)?$").str.to_date("%Y-%m-%d", strict=False)
    _refuse_first(symbol, "date", text, days, "a date like 2021-01-04")
    return days


def _parse_numbers(symbol: str, name: str, column: pl.Series) -> pl.Series:
    if column.dtype == pl.String:
        text = column.str.strip_chars()
        numbers = text.cast(pl.Float64, strict=False)
        _refuse_first(symbol, name, text, numbers, "a number")
        return numbers
    if not column.dtype.is_numeric():
        raise BadBarsError(f"{symbol}: its {name} is {column.dtype}, and must be a number.")
    return column.cast(pl.Float64)


def _refuse_first(symbol: str, name: str, text: pl.Series, parsed: pl.Series, what: str) -> None:
    """Raise for the first cell that is not empty and was not understood."""
    wrong = (text.is_not_null() & (text != "") & parsed.is_null()).arg_true()
    if len(wrong):
        row = wrong[0]
        raise BadBarsError(f"{symbol}: {name} {text[row][:40]!r} in row {row + 1} is not {what}.")


def _redact(url: str) -> str:
    """Return a URL, or a text with one, without its password and without its query."""
    return re.sub(r"\?\S+", "?***", re.sub(r"//[^/\s]*@", "//***@", url))
