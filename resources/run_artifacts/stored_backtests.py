"""The Parquet files that a run's backtests leave: results, trades and equity curves.

A run writes into a folder of its own, one part per batch of symbols, and no run ever writes into
another's: what a run did can be told from what an earlier one did, for good. The results of a part
name all backtests of its symbols; trades and curves are those that the run computed itself, and
stored results keep theirs in the files of the run that computed them.
"""

import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, cast
from uuid import uuid4

from resources.files.file_systems import file_system, read_file, to_url
from resources.files.regular_file import RefusedFileError
from strategies.errors import GauntletError

if TYPE_CHECKING:
    import polars as pl
    from fsspec import AbstractFileSystem

    from resources.run_artifacts.backtest_tables import BacktestTables


_ATTEMPT = re.compile(r"(equity|trades|results)-\d{5,}\.[0-9a-f]{16}\.parquet")
_RUN_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

SHARED_UNIVERSE = "cluster.npz"
"""What a run shares with the workers of a cluster while it computes, beside its files."""

TABLES = ("equity", "trades", "results")
"""The files of a part, in the order in which they are written."""


class OutdatedBacktestsError(GauntletError):
    """The files of a run do not have the columns that the result store keeps."""


class DamagedBacktestsError(GauntletError):
    """A file of a part is not what was written."""

    @classmethod
    def of(cls, path: str) -> "DamagedBacktestsError":
        """Return the error of a file whose results are computed again when they are wanted."""
        return cls(
            f"{path} is not what was written: its results are not used, and the next run of "
            "backtests computes them again."
        )


class StoredBacktests:
    """Backtest tables under one root, one folder per run. It needs no Dagster.

    Parameters
    ----------
    root
        Folder or fsspec URL under which backtests are stored.
    """

    root: str

    def __init__(self, root: str) -> None:
        self.root = root

    def write(self, run_id: str, part: int, tables: "BacktestTables") -> None:
        """Store a part of a run's backtests, replacing the same part of an earlier attempt.

        The manifest, with the SHA-256 of each file and the digest of each result, is removed first
        and written last. A part without a manifest does not exist, so two attempts are never mixed.
        Trades and curves have no file where there are none, and the manifest says so.
        """
        from resources.files.atomic_write import write_whole

        fs, folder = self._open_folder(run_id)
        with suppress(FileNotFoundError):
            fs.rm_file(f"{folder}/manifest-{part:05}.json")
        digests: dict[str, str | None] = dict.fromkeys(TABLES)
        for name in TABLES:
            table = getattr(tables, name)
            if name == "results" or not table.is_empty():
                content = _encode(table)
                write_whole(fs, f"{folder}/{name}-{part:05}.parquet", content)
                digests[name] = sha256(content).hexdigest()
        manifest = {"files": digests, "results": dict(tables.digests)}
        write_whole(fs, f"{folder}/manifest-{part:05}.json", json.dumps(manifest).encode())

    def write_attempt(self, run_id: str, part: int, tables: "BacktestTables") -> "Attempt":
        """Write trades and curves under names that no other attempt has.

        Nothing reads them until somebody commits the attempt, and whoever writes late, such as a
        host that was taken for dead, overwrites nothing.
        """
        token = uuid4().hex[:16]
        fs, folder = self._open_folder(run_id)
        files: dict[str, AttemptFile | None] = dict.fromkeys(("equity", "trades"))
        for name in files:
            if not getattr(tables, name).is_empty():
                files[name] = _write_attempt(fs, folder, name, part, token, getattr(tables, name))
        return Attempt(token, files)

    def commit(
        self,
        run_id: str,
        part: int,
        attempt: "Attempt",
        results: "pl.DataFrame",
        digests: Mapping[str, str],
    ) -> None:
        """Make an attempt the part: write its results and, in one stroke, its manifest.

        Parameters
        ----------
        results
            The rows of the part, cached ones included.
        digests
            As `BacktestTables.digests`, of all rows.
        """
        from resources.files.atomic_write import write_whole

        fs, folder = self._open_folder(run_id)
        written = _write_attempt(fs, folder, "results", part, attempt.token, results)
        files = {**attempt.files, "results": written}
        manifest = {
            "files": {name: one and one.sha256 for name, one in files.items()},
            "results": dict(digests),
            "names": {name: one.name for name, one in files.items() if one},
        }
        write_whole(fs, f"{folder}/manifest-{part:05}.json", json.dumps(manifest).encode())

    def find_uncommitted(self, run_id: str) -> list[str]:
        """Return the names of the files of attempts that were not committed.

        Of a run that still computes, they are those of attempts that may yet be. What it shared
        with workers is one of them.

        Raises
        ------
        DamagedBacktestsError
            When a manifest is not what was written: the files that it names are not known.
        """
        fs, folder = self._open_folder(run_id)
        try:
            names = [PurePosixPath(str(path)).name for path in fs.ls(folder, detail=False)]
        except FileNotFoundError:
            return []
        kept = {
            name
            for part in self.parts(run_id)
            for name in self._read_manifest(run_id, part).names.values()
        }
        mine = (one for one in names if _ATTEMPT.fullmatch(one) or one == SHARED_UNIVERSE)
        return sorted(name for name in mine if name not in kept)

    def remove_uncommitted(self, run_id: str) -> int:
        """Remove what `find_uncommitted` finds; return how many files there were."""
        fs, folder = self._open_folder(run_id)
        names = self.find_uncommitted(run_id)
        for name in names:
            with suppress(FileNotFoundError):
                fs.rm_file(f"{folder}/{name}")
        return len(names)

    def verify(self, run_id: str, part: int) -> Mapping[str, str]:
        """Read the files of a part, compare them with its manifest, and return its digests.

        They are those of the part's results as the engine gave them, by identifier; none of a part
        that an earlier version wrote.

        Raises
        ------
        FileNotFoundError
            When the run has no such part, or no longer.
        DamagedBacktestsError
            When a file is not what was written.
        """
        manifest = self._read_manifest(run_id, part)
        for name in TABLES:
            self._read_content(name, run_id, part, manifest)
        return manifest.results or {}

    def parts(self, run_id: str) -> list[int]:
        """Return the parts that a run has stored, in order."""
        fs, folder = self._open_folder(run_id)
        try:
            # Listed, not globbed: brackets in the root would be read as a pattern.
            names = [PurePosixPath(str(path)).name for path in fs.ls(folder, detail=False)]
        except FileNotFoundError:
            return []
        found = (re.fullmatch(r"manifest-(\d+)\.json", name) for name in names)
        return sorted(int(match[1]) for match in found if match)

    def read_part(self, run_id: str, part: int) -> "BacktestTables":
        """Return the results and trades of a part, and no curves.

        Raises
        ------
        OutdatedBacktestsError
            When another version of this project wrote them, with other columns or no digests.
        DamagedBacktestsError, FileNotFoundError
            As `verify`.
        """
        from resources.run_artifacts.backtest_tables import NO_TABLES, BacktestTables

        manifest = self._read_manifest(run_id, part)
        results, trades = (
            self._read(name, run_id, part, manifest) for name in ("results", "trades")
        )
        schemas = NO_TABLES.results.schema, NO_TABLES.trades.schema
        if manifest.results is None or (results.schema, trades.schema) != schemas:
            raise OutdatedBacktestsError(
                f"The backtests of run {run_id} were made by another version of this project: "
                "materialize backtests again."
            )
        return BacktestTables(results, trades, NO_TABLES.equity, manifest.results)

    def equity_parts(self, places: "Iterable[tuple[str, int]]") -> "Iterator[pl.DataFrame]":
        """Yield the curves of some parts of runs: all curves of 1,000 symbols are 7 million rows.

        Parameters
        ----------
        places
            Run and part of each, as `backtests` names them.
        """
        for run_id, part in places:
            yield self._read("equity", run_id, part, self._read_manifest(run_id, part))

    def find_equity_digest(self, run_id: str, part: int) -> str:
        """Return what identifies the curves of a part: the SHA-256 of their file; "" for none.

        None are there of a part without curves, or that is gone or damaged. The file itself is not
        looked at.
        """
        with suppress(FileNotFoundError, DamagedBacktestsError):
            return self._read_manifest(run_id, part).files["equity"] or ""
        return ""

    def read_trades(self, run_id: str, part: int) -> "pl.DataFrame":
        """Return the trades of a part; raises as `verify`."""
        return self._read("trades", run_id, part, self._read_manifest(run_id, part))

    def runs(self, before: datetime) -> list[str]:
        """Return the runs whose files were all written before a time, sorted.

        What is called unlike a run is no run's, and left out.
        """
        fs, root = file_system(self.root)
        root = root.rstrip("/")
        fs.invalidate_cache(root)
        newest: dict[str, datetime] = {}
        for path in fs.find(root):
            run_id = str(path).removeprefix(f"{root}/").partition("/")[0]
            if not _RUN_ID.fullmatch(run_id):
                continue
            # A file that is being written loses its first name meanwhile.
            with suppress(FileNotFoundError):
                written = cast("datetime", fs.modified(path))
                newest[run_id] = max(written, newest.get(run_id, written))
        return sorted(run_id for run_id, written in newest.items() if written < before)

    def delete(self, run_id: str) -> None:
        """Remove all that a run has stored; nothing for a run that has stored nothing."""
        fs, folder = self._open_folder(run_id)
        with suppress(FileNotFoundError):
            fs.rm(folder, recursive=True)

    def _open_folder(self, run_id: str) -> "tuple[AbstractFileSystem, str]":
        fs, root = file_system(self.root)
        folder = f"{root.rstrip('/')}/{run_id}"
        # Some buckets remember their listings, and another process may have written since.
        fs.invalidate_cache(folder)
        return fs, folder

    def _read_manifest(self, run_id: str, part: int) -> "_Manifest":
        fs, folder = self._open_folder(run_id)
        path = f"{folder}/manifest-{part:05}.json"
        content = _read_existing(fs, path)
        with suppress(ValueError, KeyError, TypeError):
            fields = json.loads(content)
            if fields.keys() == set(TABLES):  # of an earlier version, which kept no digests
                return _Manifest(fields, None)
            names = {name: PurePosixPath(one).name for name, one in fields.get("names", {}).items()}
            return _Manifest(dict(fields["files"]), dict(fields["results"]), names)
        raise DamagedBacktestsError.of(to_url(fs, path))

    def _read_content(
        self, name: str, run_id: str, part: int, manifest: "_Manifest"
    ) -> bytes | None:
        """Return the content of a file of a part, verified; None if the part has no such table."""
        fs, folder = self._open_folder(run_id)
        path = f"{folder}/{manifest.names.get(name, f'{name}-{part:05}.parquet')}"
        if manifest.files.get(name, "") is None:
            return None
        content = _read_existing(fs, path)
        if sha256(content).hexdigest() != manifest.files.get(name):
            raise DamagedBacktestsError.of(to_url(fs, path))
        return content

    def _read(self, name: str, run_id: str, part: int, manifest: "_Manifest") -> "pl.DataFrame":
        import polars as pl

        from resources.run_artifacts.backtest_tables import NO_TABLES

        content = self._read_content(name, run_id, part, manifest)
        if content is None:
            return getattr(NO_TABLES, name)
        return pl.read_parquet(io.BytesIO(content))


@dataclass(frozen=True)
class AttemptFile:
    """A file that an attempt at a part has written: its name in the run's folder, its SHA-256."""

    name: str
    sha256: str


@dataclass(frozen=True)
class Attempt:
    """What an attempt at a part has written, by table; None where there was nothing to write."""

    token: str
    files: Mapping[str, AttemptFile | None]


@dataclass(frozen=True)
class _Manifest:
    """What a part is made of: the SHA-256 of each file, and the digest of each result.

    An earlier version kept no digests of results: None. Files of attempts have names of their own.
    """

    files: Mapping[str, str | None]
    results: Mapping[str, str] | None
    names: Mapping[str, str] = field(default_factory=dict)


def _write_attempt(
    fs: "AbstractFileSystem", folder: str, name: str, part: int, token: str, table: "pl.DataFrame"
) -> AttemptFile:
    from resources.files.atomic_write import write_whole

    content = _encode(table)
    file = f"{name}-{part:05}.{token}.parquet"
    write_whole(fs, f"{folder}/{file}", content)
    return AttemptFile(file, sha256(content).hexdigest())


def _read_existing(fs: "AbstractFileSystem", path: str) -> bytes:
    try:
        content = read_file(fs, path)
    except RefusedFileError as error:
        raise DamagedBacktestsError.of(to_url(fs, path)) from error
    if content is None:
        raise FileNotFoundError(f"{to_url(fs, path)} does not exist.")
    return content


def _encode(table: "pl.DataFrame") -> bytes:
    content = io.BytesIO()
    table.write_parquet(content)
    return content.getvalue()
