"""The price store: the bars of each source and symbol in a Parquet file of their own.

`<root>/<source>/<symbol>.parquet`, through fsspec. A file is written whole under another name
and then renamed, so a reader sees the old bars or the new ones, never half of them. Two
processes that write one symbol at once cannot mix their bytes; the later one wins, and if it
did not see the other's extension, that extension is fetched again. A process killed midway
leaves at most a hidden `.<symbol>.<hex>.tmp`, which nobody reads.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, cast

import fsspec
from dagster import ConfigurableResource
from fsspec.implementations.local import LocalFileSystem
from pydantic import Field

from resources.atomic_write import write_whole
from resources.universe import SYMBOL_RULE, is_symbol
from strategies.errors import GauntletError

if TYPE_CHECKING:
    import polars as pl
    from fsspec import AbstractFileSystem

    from resources.market_data.merge import Outcome, Span


class PriceStoreError(GauntletError):
    """The price store was asked for something it cannot do."""


class NoStoredBarsError(PriceStoreError):
    """No bars of the symbol are stored, or none in the window."""


@dataclass(frozen=True, slots=True)
class StoredBars:
    """What a symbol's file holds after a write, and what the write did to it."""

    path: str
    data_version: str
    rows: int
    first: date
    last: date
    outcome: Outcome


class PriceStore(ConfigurableResource):
    """Stored bars under one root, kept apart by source."""

    root: str = Field(description="Folder or fsspec URL under which bars are stored.")

    def path_of(self, source: str, symbol: str) -> str:
        """Return the path, or URL if not local, of a symbol's file, which need not exist."""
        fs, path = self._locate(source, symbol)
        return path if isinstance(fs, LocalFileSystem) else fs.unstrip_protocol(path)

    def write(
        self, source: str, symbol: str, frame: pl.DataFrame, asked: Span | None = None
    ) -> StoredBars:
        """Store a symbol's fetched bars, merged with those stored already.

        `asked` are the days that the source was asked about, by default those of its bars. See
        `resources.market_data.merge` for the rule. A stored file that is corrupt is replaced. Bad
        bars raise BadBarsError before anything is touched; what the file system raises (no
        space, no permission) passes, and leaves the stored bars as they were.
        """
        from resources.market_data.bars import data_version, validate_bars
        from resources.market_data.merge import span_of
        from resources.market_data.parquet import encode

        fs, path = self._locate(source, symbol)
        fetched = validate_bars(symbol, frame)
        bars, covers, outcome = _merged(fs, path, fetched, asked or span_of(fetched))
        version = data_version(bars)
        if covers is not None:
            write_whole(fs, path, encode(bars, version, covers))
        return StoredBars(
            path=self.path_of(source, symbol),
            data_version=version,
            rows=bars.height,
            first=bars["date"][0],
            last=bars["date"][-1],
            outcome=outcome,
        )

    def read(self, source: str, symbol: str) -> pl.DataFrame:
        """Return all stored bars of a symbol, in the schema of bars.

        Raises NoStoredBarsError, and CorruptBarsError for a file that is not what was written.
        """
        return self._read(source, symbol)[0]

    def load(self, source: str, symbol: str, start: date, end: date) -> pl.DataFrame:
        """Return the stored bars from `start` to `end`, inclusive, at least one.

        Raises what `read` raises, and NoStoredBarsError if the source was not asked about all of
        these days, or gave no bar for any of them.
        """
        bars, (first, last) = self._read(source, symbol)
        if start < first or end > last:
            raise NoStoredBarsError(
                f"{symbol}: bars of source '{source}' are stored for {first} to {last}, not for "
                f"{start} to {end}: materialize prices for this window first."
            )
        window = bars.filter(bars["date"].is_between(start, end))
        if window.is_empty():
            raise NoStoredBarsError(
                f"{symbol}: source '{source}' has no bars from {start} to {end}."
            )
        return window

    def symbols(self, source: str) -> set[str]:
        """Return the symbols that have stored bars of a source, whatever their days.

        One listing of the folder, by which a missing symbol costs nothing.
        """
        fs, path = self._folder(source)
        # Some buckets remember their listings, and another process may have written since.
        fs.invalidate_cache(path)
        try:
            # Listed, not globbed: brackets in the root would be read as a pattern.
            names = [PurePosixPath(str(entry)).name for entry in fs.ls(path, detail=False)]
        except FileNotFoundError:
            return set()
        found = {name.removesuffix(".parquet") for name in names if name.endswith(".parquet")}
        return {symbol for symbol in found if is_symbol(symbol)}

    def _read(self, source: str, symbol: str) -> tuple[pl.DataFrame, Span]:
        stored = _stored(*self._locate(source, symbol))
        if stored is None:
            raise NoStoredBarsError(
                f"{symbol}: no bars of source '{source}' are stored: materialize prices first."
            )
        return stored

    def _locate(self, source: str, symbol: str) -> tuple[AbstractFileSystem, str]:
        """Return the file system and path; names that could leave the root are refused."""
        if not is_symbol(symbol):
            raise PriceStoreError(f"{symbol[:40]!r} is not a symbol ({SYMBOL_RULE}).")
        fs, folder = self._folder(source)
        return fs, f"{folder}/{symbol}.parquet"

    def _folder(self, source: str) -> tuple[AbstractFileSystem, str]:
        if not re.fullmatch(r"[a-z][a-z0-9_]*", source):
            raise PriceStoreError(f"{source[:40]!r} is not the name of a source.")
        fs, root = fsspec.url_to_fs(self.root)
        return fs, f"{root.rstrip('/')}/{source}"


def _stored(fs: AbstractFileSystem, path: str) -> tuple[pl.DataFrame, Span] | None:
    """Return what a file holds and the days that it covers; None if there is no file."""
    from resources.market_data.parquet import coverage, decode

    try:
        data = cast("bytes", fs.cat_file(path))  # str only for file systems that decode text
    except FileNotFoundError:
        return None
    return decode(path, data), coverage(path, data)


def _merged(
    fs: AbstractFileSystem, path: str, fetched: pl.DataFrame, asked: Span
) -> tuple[pl.DataFrame, Span | None, Outcome]:
    """Return the bars to keep, the days they cover (None if the file says so already), and why."""
    from resources.market_data.merge import merge
    from resources.market_data.parquet import CorruptBarsError

    try:
        found = _stored(fs, path)
    except CorruptBarsError:
        return fetched, asked, "replaced"
    if found is None:
        return fetched, asked, "created"
    stored, covered = found
    bars, outcome = merge(stored, fetched, asked)
    if outcome == "replaced":
        return bars, asked, outcome
    covers = min(covered[0], asked[0]), max(covered[1], asked[1])
    return bars, None if (outcome, covers) == ("unchanged", covered) else covers, outcome
