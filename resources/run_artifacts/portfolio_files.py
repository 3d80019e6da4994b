"""The files of portfolios: weights, trades, equity and attribution as Parquet, numbers as JSON.

A portfolio is named after what it is of: the same one is never stored twice, and who wants it again
finds it.
"""

import io
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from uuid import UUID

from resources.files.atomic_write import write_whole
from resources.files.file_systems import file_system, read_file, to_url
from resources.run_artifacts.old_results import find_old_results

if TYPE_CHECKING:
    import polars as pl
    from fsspec import AbstractFileSystem

KIND = "portfolios"
"""Name of the folder, beside those of the backtests."""

TABLES = ("weights", "trades", "equity", "attribution")
"""The tables of a portfolio, a file each."""

_FACTS = "portfolio.json"


@dataclass(frozen=True)
class PortfolioFiles:
    """Portfolios under one root, a folder for each.

    Parameters
    ----------
    root
        Folder or fsspec URL of the backtests, beside which the portfolios are.
    """

    root: str

    def path(self, name: str, identity: UUID | str) -> str:
        """Return the folder of a portfolio, as people write it."""
        return to_url(*self._open(name, identity))

    def find(self, name: str, identity: UUID | str) -> dict[str, Any] | None:
        """Return what a portfolio says of itself, if all of its files are as they were written."""
        fs, folder = self._open(name, identity)
        with suppress(ValueError, KeyError, TypeError, AttributeError):
            stored = json.loads(read_file(fs, f"{folder}/{_FACTS}") or b"")
            for table, digest in stored["files"].items():
                content = read_file(fs, f"{folder}/{table}.parquet") or b""
                if sha256(content).hexdigest() != digest:
                    return None
            return stored["facts"]
        return None

    def write(
        self,
        name: str,
        identity: UUID | str,
        facts: Mapping[str, Any],
        tables: Mapping[str, "pl.DataFrame"],
    ) -> None:
        """Store a portfolio; what it says of itself is written last, and names its files."""
        fs, folder = self._open(name, identity)
        digests = {}
        for table in TABLES:
            content = io.BytesIO()
            tables[table].write_parquet(content)
            write_whole(fs, f"{folder}/{table}.parquet", content.getvalue())
            digests[table] = sha256(content.getvalue()).hexdigest()
        text = json.dumps({"facts": dict(facts), "files": digests}, indent=2, allow_nan=False)
        write_whole(fs, f"{folder}/{_FACTS}", text.encode())

    def read(self, name: str, identity: UUID | str, table: str) -> "pl.DataFrame":
        """Return a table of a portfolio, one of `TABLES`.

        Raises
        ------
        FileNotFoundError
            When it is not stored, or was removed.
        """
        import polars as pl

        fs, folder = self._open(name, identity)
        content = read_file(fs, f"{folder}/{table}.parquet")
        if content is None:
            raise FileNotFoundError(f"{to_url(fs, folder)} has no {table}.")
        return pl.read_parquet(content)

    def find_old(self, before: datetime) -> list[tuple[str, str]]:
        """Return name and identifier of the portfolios that were written before a time.

        Not the newest of each name: it is what the UI shows.
        """
        fs, root = file_system(self.root)
        return find_old_results(fs, f"{root.rstrip('/')}/{KIND}", before, depth=3)

    def delete(self, name: str, identity: UUID | str) -> None:
        """Remove the files of a portfolio; its numbers stay in the result store."""
        fs, folder = self._open(name, identity)
        with suppress(FileNotFoundError):
            fs.rm(folder, recursive=True)

    def _open(self, name: str, identity: UUID | str) -> "tuple[AbstractFileSystem, str]":
        fs, root = file_system(self.root)
        folder = f"{root.rstrip('/')}/{KIND}/{name}/{identity}"
        # Some buckets remember their listings, and another process may have written since.
        fs.invalidate_cache(folder)
        return fs, folder
