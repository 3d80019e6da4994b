"""The price store: the bars of each source and symbol in a Parquet file of their own.

`<root>/<source>/<symbol>.parquet`, through fsspec. A file is written whole under another name
and then renamed, so a reader sees the old bars or the new ones, never half of them. Two
processes that write one symbol at once cannot mix their bytes; the later one wins, and if it
did not see the other's extension, that extension is fetched again. A process killed midway
leaves at most a hidden `.<symbol>.<hex>.tmp`, which nobody reads.

Nothing that was stored is lost: before bars take the place of others, the others are kept as
`.versions/<symbol>/<data version>.parquet`, with what differed; and a file that cannot be read is
moved to `.quarantine/` by the write that heals it. Readers move nothing: the file that one has
found corrupt may have been healed since.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, cast

from dagster import ConfigurableResource
from pydantic import Field

from resources.files.atomic_write import write_whole
from resources.files.file_systems import file_system
from resources.price_store.revisions import (
    Revision,
    keep,
    kept_files,
    quarantine,
    revisions,
    url_of,
)
from resources.universe import SYMBOL_RULE, is_symbol
from strategies.errors import GauntletError

if TYPE_CHECKING:
    import polars as pl
    from fsspec import AbstractFileSystem

    from resources.price_store.merge import Difference, Outcome
    from resources.price_store.parquet import CorruptBarsError, Label, StoredFile
    from resources.price_store.spans import Span

_SOURCE = r"[a-z][a-z0-9_]*"

# Held in memory together: at ten years a symbol, 10 MB.
_FILES_AT_ONCE = 128


class PriceStoreError(GauntletError):
    """The price store was asked for something it cannot do."""


class NoStoredBarsError(PriceStoreError):
    """No bars of the symbol are stored, or none in the window."""


@dataclass(frozen=True, slots=True)
class StoredBars:
    """What a symbol's file holds after a write, and what the write did to it.

    `revision` tells of the bars that were stored before and are kept, `quarantined` where the
    file that could not be read was moved.
    """

    path: str
    data_version: str
    rows: int
    first: date
    last: date
    outcome: Outcome
    fetched_at: datetime
    revision: Revision | None = None
    quarantined: str | None = None


class PriceStore(ConfigurableResource):
    """Stored bars under one root, kept apart by source."""

    root: str = Field(description="Folder or fsspec URL under which bars are stored.")

    def path_of(self, source: str, symbol: str) -> str:
        """Return the path, or URL if not local, of a symbol's file, which need not exist."""
        return url_of(*self._locate(source, symbol))

    def write(
        self, source: str, symbol: str, frame: pl.DataFrame, asked: Span | None = None
    ) -> StoredBars:
        """Store a symbol's fetched bars, merged with those stored already.

        `asked` are the days that the source was asked about, by default those of its bars. See
        `resources.price_store.merge` for the rule. Bars that others take the place of are kept,
        and a stored file that is corrupt is quarantined. Bad bars raise BadBarsError before
        anything is touched; what the file system raises (no space, no permission) passes, and
        leaves the stored bars as they were.
        """
        from resources.market_data.bars import validate_bars
        from resources.price_store.merge import span_of
        from resources.price_store.parquet import CorruptBarsError, encode, label_of

        fs, path = self._locate(source, symbol)
        fetched = validate_bars(symbol, frame)
        data = _content(fs, path)
        stored = None if data is None else _decoded(path, data, source, symbol)
        plan = _plan(stored, fetched, asked or span_of(fetched))
        label = plan.label or label_of(source, symbol, plan.bars, plan.covers)
        revision, quarantined = None, None
        if isinstance(stored, CorruptBarsError):
            quarantined = quarantine(fs, path, data or b"")
        elif stored is not None and plan.difference is not None:
            revision = keep(fs, path, stored, label.data_version, plan.difference)
        if label is not plan.label:
            write_whole(fs, path, encode(plan.bars, label))
        return StoredBars(
            path=self.path_of(source, symbol),
            data_version=label.data_version,
            rows=plan.bars.height,
            first=plan.bars["date"][0],
            last=plan.bars["date"][-1],
            outcome=plan.outcome,
            fetched_at=label.fetched_at,
            revision=revision,
            quarantined=quarantined,
        )

    def read(self, source: str, symbol: str) -> pl.DataFrame:
        """Return all stored bars of a symbol, in the schema of bars.

        Raises NoStoredBarsError, and CorruptBarsError for a file that is not what was written.
        """
        return self._read(source, symbol).bars

    def digests(self, source: str, symbols: Sequence[str]) -> dict[str, str]:
        """Return the SHA-256 of the file of each symbol that has one which can be read.

        Another bar is another digest. It takes a tenth of the time of decoding the bars.
        """
        fs, folder = self.folder_of(source)
        found: dict[str, str] = {}
        for start in range(0, len(symbols), _FILES_AT_ONCE):
            paths = {
                symbol: _file(folder, symbol)
                for symbol in symbols[start : start + _FILES_AT_ONCE]
                if is_symbol(symbol)
            }
            for symbol, content in zip(paths, _contents(fs, list(paths.values())), strict=True):
                if isinstance(content, bytes):
                    found[symbol] = sha256(content).hexdigest()
        return found

    def read_many(self, source: str, symbols: Sequence[str]) -> list[StoredFile | Exception]:
        """Return what is stored of each symbol, or what `read` would raise for it.

        In one go: files of a bucket are fetched side by side, and all are decoded together. They
        are not verified yet, see `StoredFile.verified`.
        """
        from resources.price_store.parquet import decode_many

        fs, folder = self.folder_of(source)
        paths = {symbol: _file(folder, symbol) for symbol in symbols if is_symbol(symbol)}
        files: dict[str, tuple[str, bytes]] = {}
        found: dict[str, StoredFile | Exception] = {}
        for symbol, content in zip(paths, _contents(fs, list(paths.values())), strict=True):
            if isinstance(content, bytes):
                files[symbol] = paths[symbol], content
            else:
                missing = isinstance(content, FileNotFoundError)
                found[symbol] = _nothing_stored(source, symbol) if missing else content
        decoded = decode_many(list(files.values()), source, list(files))
        found |= zip(files, decoded, strict=True)
        return [found.get(symbol) or _no_symbol(symbol) for symbol in symbols]

    def load(
        self, source: str, symbol: str, start: date, end: date, data_version: str | None = None
    ) -> pl.DataFrame:
        """Return the stored bars from `start` to `end`, inclusive, at least one.

        With the `data_version` of an old backtest, the bars that it was made of, even if others
        have taken their place since.

        Raises what `read` raises, and NoStoredBarsError if the source was not asked about all of
        these days, gave no bar for any of them, or none of the kept ones has that version.
        """
        if data_version is not None:
            return self._load_version(source, symbol, start, end, data_version)
        return window_of(self._read(source, symbol), start, end)

    def revisions(self, source: str, symbol: str) -> list[Revision]:
        """Return the versions of a symbol's bars that others took the place of, oldest first.

        Raises CorruptBarsError for a kept file that can't be read; no other is lost by removing it.
        """
        fs, path = self._locate(source, symbol)
        if not kept_files(fs, path):
            return []
        data = _content(fs, path)
        stored = None if data is None else _decoded(path, data, source, symbol)
        current = None if stored is None or isinstance(stored, Exception) else stored.label
        return revisions(fs, path, current.data_version if current else None)

    def remove_revisions(self, kept: Iterable[Revision]) -> None:
        """Remove bars that others took the place of; what is gone already is no error."""
        fs, _ = file_system(self.root)
        for revision in kept:
            with suppress(FileNotFoundError):
                fs.rm_file(file_system(revision.path)[1])

    def sources(self) -> list[str]:
        """Return the sources of which anything is stored, sorted."""
        fs, root = file_system(self.root)
        fs.invalidate_cache(root)
        try:
            names = [PurePosixPath(str(entry)).name for entry in fs.ls(root, detail=False)]
        except FileNotFoundError:
            return []
        return sorted(name for name in names if re.fullmatch(_SOURCE, name))

    def symbols(self, source: str) -> set[str]:
        """Return the symbols that have stored bars of a source, whatever their days.

        One listing of the folder, by which a missing symbol costs nothing.
        """
        fs, path = self.folder_of(source)
        try:
            # Listed, not globbed: brackets in the root would be read as a pattern.
            names = [PurePosixPath(str(entry)).name for entry in fs.ls(path, detail=False)]
        except FileNotFoundError:
            return set()
        found = {name.removesuffix(".parquet") for name in names if name.endswith(".parquet")}
        return {symbol for symbol in found if is_symbol(symbol)}

    def _read(self, source: str, symbol: str) -> StoredFile:
        (found,) = self.read_many(source, [symbol])
        if isinstance(found, Exception):
            raise found
        return found.verified()

    def _load_version(
        self, source: str, symbol: str, start: date, end: date, version: str
    ) -> pl.DataFrame:
        """Return the window with that version, of the bars that are stored or of those kept."""
        from resources.market_data.bars import data_version
        from resources.price_store.parquet import CorruptBarsError

        fs, path = self._locate(source, symbol)
        unread: list[str] = []
        for candidate in [path, *kept_files(fs, path)]:
            data = _content(fs, candidate)
            stored = None if data is None else _decoded(candidate, data, source, symbol)
            if isinstance(stored, CorruptBarsError):
                unread.append(url_of(fs, candidate))
            elif stored is not None:
                window = stored.bars.filter(stored.bars["date"].is_between(start, end))
                if not window.is_empty() and data_version(window) == version:
                    return window
        raise NoStoredBarsError(
            f"{symbol}: no bars of source '{source}' from {start} to {end} with the data version "
            f"{version} are stored or kept."
            + (f" Corrupt, and not searched: {', '.join(unread)}." if unread else "")
        )

    def _locate(self, source: str, symbol: str) -> tuple[AbstractFileSystem, str]:
        """Return the file system and path; names that could leave the root are refused."""
        fs, folder = self.folder_of(source)
        return fs, _file(folder, symbol)

    def folder_of(self, source: str) -> tuple[AbstractFileSystem, str]:
        """Return the file system and folder of a source's files."""
        if not re.fullmatch(_SOURCE, source):
            raise PriceStoreError(f"{source[:40]!r} is not the name of a source.")
        fs, root = file_system(self.root)
        folder = f"{root.rstrip('/')}/{source}"
        # Buckets remember their listings, and then say of what another process has written since
        # that it is not there: a symbol would be missing, and a write would not see what it merges
        # with.
        fs.invalidate_cache(folder)
        return fs, folder


def _file(folder: str, symbol: str) -> str:
    if not is_symbol(symbol):
        raise _no_symbol(symbol)
    return f"{folder}/{symbol}.parquet"


def _no_symbol(symbol: str) -> PriceStoreError:
    return PriceStoreError(f"{symbol[:40]!r} is not a symbol ({SYMBOL_RULE}).")


def window_of(stored: StoredFile, start: date, end: date) -> pl.DataFrame:
    """Return the bars from `start` to `end`, inclusive, at least one; see `PriceStore.load`."""
    label, bars = stored.label, stored.bars
    first, last = label.covers
    if start < first or end > last:
        raise NoStoredBarsError(
            f"{label.symbol}: bars of source '{label.source}' are stored for {first} to {last}, "
            f"not for {start} to {end}: materialize prices for this window first."
        )
    if start <= bars["date"][0] and bars["date"][-1] <= end:
        return bars
    window = bars.filter(bars["date"].is_between(start, end))
    if window.is_empty():
        raise NoStoredBarsError(
            f"{label.symbol}: source '{label.source}' has no bars from {start} to {end}."
        )
    return window


@dataclass(frozen=True)
class _Plan:
    """What to store: the bars and the days they cover; with a label, they are stored already."""

    bars: pl.DataFrame
    covers: Span
    outcome: Outcome
    difference: Difference | None = None
    label: Label | None = None


def _plan(
    stored: StoredFile | CorruptBarsError | None, fetched: pl.DataFrame, asked: Span
) -> _Plan:
    from resources.price_store.merge import merge
    from resources.price_store.parquet import StoredFile

    if not isinstance(stored, StoredFile):
        return _Plan(fetched, asked, "created" if stored is None else "recovered")
    bars, outcome, difference = merge(stored.bars, fetched, asked)
    if difference is not None:
        return _Plan(bars, asked, outcome, difference)
    known = stored.label.covers
    covers = min(known[0], asked[0]), max(known[1], asked[1])
    as_it_is = (outcome, covers) == ("unchanged", known)
    return _Plan(bars, covers, outcome, label=stored.label if as_it_is else None)


def _decoded(path: str, data: bytes, source: str, symbol: str) -> StoredFile | CorruptBarsError:
    from resources.price_store.parquet import CorruptBarsError, decode

    try:
        return decode(path, data, source, symbol)
    except CorruptBarsError as error:
        return error


def _content(fs: AbstractFileSystem, path: str) -> bytes | None:
    """Return what a file holds; None if there is no file."""
    try:
        return cast("bytes", fs.cat_file(path))  # str only for file systems that decode text
    except FileNotFoundError:
        return None


def _contents(fs: AbstractFileSystem, paths: list[str]) -> list[bytes | Exception]:
    """Return what each file holds, or why it can't be read; buckets are asked for all at once."""
    # Not `cat`, which takes brackets in a path for a pattern. None to None is the whole file.
    whole: Any = None
    return fs.cat_ranges(paths, whole, whole, on_error="return")


def _nothing_stored(source: str, symbol: str) -> NoStoredBarsError:
    return NoStoredBarsError(
        f"{symbol}: no bars of source '{source}' are stored: materialize prices first."
    )
