"""A folder or bucket of one CSV or Parquet file per symbol, through fsspec.

`AAPL.csv` or `AAPL.parquet`, a slash in a symbol written as %2F, in any vendor's layout:
`sources.tables` finds out which. Columns that are not of bars are ignored. Bars inside the window
must be valid; every cell of their columns must be readable, in one way only.
"""

from collections.abc import Callable, Mapping
from datetime import date

import polars as pl

from engine.errors import MissingPackageError
from resources.files.file_systems import file_system, is_local
from resources.files.regular_file import RefusedFileError, read_regular, read_remote
from resources.files.unreadable import UNREADABLE
from resources.market_data.bars import BadBarsError, validate_bars, widen_ranges
from resources.market_data.source import (
    MarketDataError,
    SourceNotes,
    SourceUnavailableError,
    UnknownSymbolError,
    select_window,
)
from resources.market_data.sources.file_reader import MOST_BYTES, csv_table, parquet_table
from resources.market_data.sources.tables.bars_table import ReadBars, build_bars
from resources.market_data.sources.tables.columns import ColumnNames
from resources.market_data.sources.tables.spellings import NAMES
from resources.market_data.sources.tables.table import (
    RefusedContentError,
    RefusedTableError,
    Table,
)
from resources.market_data.sources.transient_errors import is_transient_error
from resources.redaction import redact_address, redact_text
from resources.trading_calendar import DEFAULT_CALENDAR, get_calendar
from resources.universe import SYMBOL_RULE, is_symbol, to_file_stem
from strategies.errors import did_you_mean

FORMATS = ("csv", "parquet")


class FilesSource:
    """Bars from files under `prices`, a folder or any URL that fsspec can open.

    `notes` has what was found in the file of each symbol that was fetched.
    """

    name = "files"

    def __init__(
        self,
        prices: str,
        columns: Mapping[str, str] | None = None,
        calendar_of: Callable[[str], str | None] = lambda _: None,
    ) -> None:
        """Open the folder; one that is missing or unreachable raises MarketDataError.

        `columns` says how the files call a column, by the name it has here, as in
        ``{"close": "PX_LAST"}``; an unknown name raises MarketDataError. `calendar_of` gives the
        name of a symbol's calendar, in whose time zone stamps are days; None is New York's.
        """
        self._calendar_of = calendar_of
        self._mapping = columns or {}
        self._columns = _open_columns(self._mapping)
        self.notes: dict[str, SourceNotes] = {}
        self._given, self._shown = prices, redact_address(prices)
        try:
            self._fs, self._root = file_system(prices)
            found = self._fs.isdir(self._root)
        except Exception as error:
            # `from None`, here and below: the cause has the address with its password.
            reason = redact_text(str(error).replace(prices, self._shown))
            if is_transient_error(error):
                raise SourceUnavailableError(f"{self._shown} does not answer: {reason}.") from None
            known = isinstance(error, OSError | ValueError | MissingPackageError)
            if known or self._shown != prices:
                raise MarketDataError(
                    f"Folder {self._shown} cannot be opened: {reason.rstrip('.')}."
                ) from None
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
        name, table = self._read_table(symbol)
        read = self._build_bars(symbol, table)
        window = select_window(self.name, symbol, read.bars, start, end)
        window, repaired = widen_ranges(window)
        self.notes[symbol] = SourceNotes(
            read.basis, repaired, read.dropped, has_volume=read.has_volume
        )
        try:
            return validate_bars(symbol, window)
        except BadBarsError as error:
            raise BadBarsError(f"{error} It is in {name} of {self._shown}.") from error

    def _build_bars(self, symbol: str, table: Table) -> ReadBars:
        try:
            timezone = get_calendar(self._calendar_of(symbol) or DEFAULT_CALENDAR).timezone
            return build_bars(table, self._columns, symbol, timezone)
        except RefusedTableError as error:
            raise BadBarsError(f"{symbol}: {error} {table.describe()}") from error

    def _read_table(self, symbol: str) -> tuple[str, Table]:
        names = [f"{to_file_stem(symbol)}.{suffix}" for suffix in FORMATS]
        contents = {name: self._read_content(symbol, name) for name in names}
        found = [name for name, content in contents.items() if content is not None]
        if not found:
            where = f"{self._shown} has no {' and no '.join(names)}"
            raise UnknownSymbolError(f"{symbol}: no file; {where}.")
        if len(found) > 1:
            both = " and ".join(found)
            raise MarketDataError(f"{symbol}: {self._shown} has both {both}; keep one of them.")
        return found[0], self._parse(symbol, found[0], contents[found[0]] or b"")

    def _read_content(self, symbol: str, name: str) -> bytes | None:
        """Return what a file holds; None if there is none.

        Not asked first whether it exists: a web server that does not answer would say no.
        """
        path = f"{self._root}/{name}"
        try:
            if is_local(self._fs):
                return read_regular(path, MOST_BYTES)
            return read_remote(self._fs, path, MOST_BYTES)
        except FileNotFoundError:
            return None
        except RefusedFileError as error:
            raise self._build_unreadable_error(symbol, name, str(error)) from error
        except Exception as error:
            reason = redact_text(str(error).replace(self._given, self._shown).partition("\n")[0])
            if is_transient_error(error):
                raise SourceUnavailableError(
                    f"{symbol}: {self._shown} does not answer: {reason}."
                ) from None
            if isinstance(error, OSError) or self._shown != self._given:
                raise self._build_unreadable_error(symbol, name, reason) from None
            raise

    def _parse(self, symbol: str, name: str, content: bytes) -> Table:
        try:
            if name.endswith(".csv"):
                return csv_table(content, self._columns, symbol)
            return parquet_table(content, self._mapping, symbol)
        except (RefusedContentError, *UNREADABLE) as error:
            reason = str(error).partition("\n")[0]
            raise self._build_unreadable_error(symbol, name, reason) from error

    def _build_unreadable_error(self, symbol: str, name: str, reason: str) -> BadBarsError:
        return BadBarsError(f"{symbol}: {name} in {self._shown} is not readable: {reason}.")


def _open_columns(columns: Mapping[str, str]) -> ColumnNames:
    for name in columns:
        if name not in NAMES:
            raise MarketDataError(
                f"columns has no place for '{name}': use {', '.join(NAMES)}."
                + did_you_mean(name, NAMES)
            )
    return ColumnNames(columns)
