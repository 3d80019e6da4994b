"""Stored bars: those of each source and symbol in a Parquet file of their own.

A file is written whole under another name and then renamed, so a reader sees the old bars or the
new ones, never half of them. Two processes that write one symbol at once cannot mix their bytes;
the later one wins, and if it did not see the other's extension, that extension is fetched again. A
process killed midway leaves at most a hidden `.<symbol>.<hex>.tmp`, which is never read.

Nothing that was stored is lost: superseded bars are kept, and a file that cannot be read is moved
to quarantine by the write that replaces it. Readers move nothing: a file that they find corrupt may
have been replaced since.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import date
from hashlib import sha256
from typing import TYPE_CHECKING

from resources.files.atomic_write import write_whole
from resources.files.file_systems import file_system, read_file, read_files, to_url
from resources.price_store import layout
from resources.price_store.errors import CorruptBarsError, NoStoredBarsError
from resources.price_store.revisions import Revision, keep_revision, quarantine, read_revisions
from resources.price_store.seal import is_sealed
from resources.price_store.stored_file import StoredFile, make_label
from resources.price_store.write_plan import WriteResult, plan_write
from resources.universe import is_symbol

if TYPE_CHECKING:
    import polars as pl
    from fsspec import AbstractFileSystem

    from resources.price_store.spans import Span

# Held in memory together: at ten years per symbol, 10 MB.
_FILES_AT_ONCE = 128


class StoredPrices:
    """Stored bars under one root, kept apart by source.

    It needs no Dagster: where only backtests are computed, none has to be imported.

    Parameters
    ----------
    root
        Folder or fsspec URL under which bars are stored.
    """

    root: str

    def __init__(self, root: str) -> None:
        self.root = root

    def path_of(self, source: str, symbol: str) -> str:
        """Return the path, or URL if not local, of a symbol's file, which need not exist."""
        return to_url(*self._locate(source, symbol))

    def folder_of(self, source: str) -> tuple[AbstractFileSystem, str]:
        """Return the file system and the folder of a source, which need not exist."""
        return layout.open_folder(self.root, source)

    def write(
        self,
        source: str,
        symbol: str,
        frame: pl.DataFrame,
        requested: Span | None = None,
        splits: str = "",
    ) -> WriteResult:
        """Store a symbol's fetched bars, merged with those stored already.

        `requested` are the days that the source was asked about, by default those of its bars, and
        `splits` those of the user's file that are in the adjustment. See
        `resources.price_store.merge` for the rule. Superseded bars are kept, and a stored file that
        is corrupt is quarantined. Bad bars raise BadBarsError before anything is touched; errors of
        the file system (no space, no permission) leave the stored bars as they were.
        """
        from resources.market_data.bars import validate_bars
        from resources.price_store.merge import get_span
        from resources.price_store.parquet import encode

        fs, path = self._locate(source, symbol)
        fetched = validate_bars(symbol, frame)
        content = read_file(fs, path)
        stored = _decode(path, content, source, symbol)
        plan = plan_write(stored, fetched, requested or get_span(fetched), splits)
        label = plan.label or make_label(
            source, symbol, plan.bars, plan.covers, splits, plan.fetched_at
        )
        revision, quarantined = None, None
        if isinstance(stored, CorruptBarsError):
            quarantined = quarantine(fs, path, content or b"")
        elif stored is not None and plan.difference is not None:
            revision = keep_revision(fs, path, stored, label.data_version, plan.difference)
        is_stored = label is plan.label and is_sealed(content or b"")
        if not is_stored:
            write_whole(fs, path, encode(plan.bars, label))
        return WriteResult(
            path=to_url(fs, path),
            data_version=label.data_version,
            rows=plan.bars.height,
            first=plan.bars["date"][0],
            last=plan.bars["date"][-1],
            outcome=plan.outcome,
            fetched_at=label.fetched_at,
            revision=revision,
            quarantined=quarantined,
            file=stored if is_stored and isinstance(stored, StoredFile) else None,
        )

    def read(self, source: str, symbol: str) -> pl.DataFrame:
        """Return all stored bars of a symbol; raises what `read_file` raises."""
        return self.read_file(source, symbol).bars

    def read_file(self, source: str, symbol: str) -> StoredFile:
        """Return the verified file of a symbol.

        Raises NoStoredBarsError, and CorruptBarsError for a file that is not what was written.
        """
        (found,) = self.read_many(source, [symbol])
        if isinstance(found, Exception):
            raise found
        return found.verified()

    def read_many(self, source: str, symbols: Sequence[str]) -> list[StoredFile | Exception]:
        """Return the file of each symbol, or the error that `read_file` would raise for it.

        All together: files of a bucket are fetched side by side, and decoded in one call. They are
        not verified yet, see `StoredFile.verified`.
        """
        from resources.price_store.parquet import decode_many

        files, found = self._read_files(source, symbols)
        decoded = decode_many(list(files.values()), source, list(files))
        found |= zip(files, decoded, strict=True)
        return [found[symbol] for symbol in symbols]

    def digests(self, source: str, symbols: Sequence[str]) -> dict[str, str]:
        """Return the SHA-256 of the file of each symbol that has one which can be read.

        Other bars are another digest. It takes a tenth of the time of decoding the bars.
        """
        found: dict[str, str] = {}
        for start in range(0, len(symbols), _FILES_AT_ONCE):
            files, _ = self._read_files(source, symbols[start : start + _FILES_AT_ONCE])
            found |= {symbol: sha256(content).hexdigest() for symbol, (_, content) in files.items()}
        return found

    def load(
        self, source: str, symbol: str, start: date, end: date, data_version: str | None = None
    ) -> pl.DataFrame:
        """Return the stored bars from `start` to `end`, inclusive, at least one.

        With the `data_version` of an old backtest, the bars that it was made of, even if they are
        superseded since.

        Raises what `read_file` and `StoredFile.select` raise, and NoStoredBarsError if no bars have
        that version.
        """
        if data_version is not None:
            return self._load_version(source, symbol, start, end, data_version)
        return self.read_file(source, symbol).select(start, end)

    def revisions(self, source: str, symbol: str) -> list[Revision]:
        """Return the superseded versions of a symbol's bars, oldest first.

        Raises CorruptBarsError for one that can't be read; no other is lost by removing it.
        """
        fs, path = self._locate(source, symbol)
        if not layout.list_revision_files(fs, path):
            return []
        stored = _decode(path, read_file(fs, path), source, symbol)
        current = stored.label.data_version if isinstance(stored, StoredFile) else None
        return read_revisions(fs, path, current)

    def remove_revisions(self, revisions: Iterable[Revision]) -> None:
        """Remove superseded bars; what is gone already is no error."""
        fs, _ = file_system(self.root)
        for revision in revisions:
            with suppress(FileNotFoundError):
                fs.rm_file(file_system(revision.path)[1])

    def sources(self) -> list[str]:
        """Return the sources of which anything is stored, sorted."""
        return layout.list_sources(self.root)

    def symbols(self, source: str) -> set[str]:
        """Return the symbols that have stored bars of a source, whatever their days.

        One listing of the folder, so that a missing symbol costs nothing.
        """
        return layout.list_symbols(*self.folder_of(source))

    def _load_version(
        self, source: str, symbol: str, start: date, end: date, version: str
    ) -> pl.DataFrame:
        """Return the window with that version, of the stored bars or of superseded ones."""
        from resources.market_data.bars import data_version

        fs, path = self._locate(source, symbol)
        corrupt: list[str] = []
        for candidate in [path, *layout.list_revision_files(fs, path)]:
            stored = _decode(candidate, read_file(fs, candidate), source, symbol)
            if isinstance(stored, CorruptBarsError):
                corrupt.append(to_url(fs, candidate))
            elif stored is not None:
                window = stored.bars.filter(stored.bars["date"].is_between(start, end))
                if not window.is_empty() and data_version(window) == version:
                    return window
        raise NoStoredBarsError(
            f"{symbol}: no stored or superseded bars of source '{source}' from {start} to {end} "
            f"have the data version {version}."
            + (f" Corrupt, and not searched: {', '.join(corrupt)}." if corrupt else "")
        )

    def _locate(self, source: str, symbol: str) -> tuple[AbstractFileSystem, str]:
        """Return the file system and path; names that could leave the root are refused."""
        fs, folder = self.folder_of(source)
        return fs, layout.symbol_path(folder, symbol)

    def _read_files(
        self, source: str, symbols: Sequence[str]
    ) -> tuple[dict[str, tuple[str, bytes]], dict[str, StoredFile | Exception]]:
        """Return the path and content of each symbol's file, and the errors of the others."""
        fs, folder = self.folder_of(source)
        paths = {one: layout.symbol_path(folder, one) for one in symbols if is_symbol(one)}
        files: dict[str, tuple[str, bytes]] = {}
        errors: dict[str, StoredFile | Exception] = {
            one: layout.not_a_symbol(one) for one in symbols if one not in paths
        }
        for symbol, content in zip(paths, read_files(fs, list(paths.values())), strict=True):
            if isinstance(content, bytes):
                files[symbol] = paths[symbol], content
            elif isinstance(content, FileNotFoundError):
                errors[symbol] = NoStoredBarsError(
                    f"{symbol}: no bars of source '{source}' are stored: materialize prices first."
                )
            else:
                errors[symbol] = content
        return files, errors


def _decode(
    path: str, content: bytes | None, source: str, symbol: str
) -> StoredFile | CorruptBarsError | None:
    """Return what the file at `path` holds of a symbol; None if there is no file."""
    from resources.price_store.parquet import decode

    try:
        return None if content is None else decode(path, content, source, symbol)
    except CorruptBarsError as error:
        return error
