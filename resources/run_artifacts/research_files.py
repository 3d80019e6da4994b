"""The files of walk-forwards and of tests of robustness: one per result, for people to read."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from resources.files.atomic_write import write_whole
from resources.files.file_systems import file_system, read_file, to_url
from resources.run_artifacts.old_results import find_old_results

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem


@dataclass(frozen=True)
class ResearchFiles:
    """Results of one kind under one root, named after what they are of.

    Parameters
    ----------
    root
        Folder or fsspec URL of the backtests, beside which they are.
    kind
        Name of the asset, and of the folder: ``walk_forward`` or ``robustness``.
    """

    root: str
    kind: str

    def path(self, strategy: str, identity: UUID) -> str:
        """Return the file of a result, as people write it."""
        return to_url(*self._open(strategy, identity))

    def find(self, strategy: str, identity: UUID) -> dict[str, Any] | None:
        """Return what is stored of a result; None without a file that can be read."""
        with suppress(ValueError):
            stored = json.loads(read_file(*self._open(strategy, identity)) or b"")
            return stored if isinstance(stored, dict) else None
        return None

    def write(self, strategy: str, identity: UUID, described: Mapping[str, Any]) -> None:
        """Store what is to be read of a result."""
        text = json.dumps(dict(described), indent=2, allow_nan=False)
        write_whole(*self._open(strategy, identity), text.encode())

    def find_old(self, before: datetime) -> list[tuple[str, str]]:
        """Return strategy and identifier of the results that were written before a time.

        Not the newest of each strategy: it is what the UI shows.
        """
        fs, root = file_system(self.root)
        return find_old_results(fs, f"{root.rstrip('/')}/{self.kind}", before, depth=2)

    def delete(self, strategy: str, identity: UUID | str) -> None:
        """Remove a file; what is in the ledger stays there."""
        fs, path = self._open(strategy, identity)
        with suppress(FileNotFoundError):
            fs.rm_file(path)

    def _open(self, strategy: str, identity: UUID | str) -> "tuple[AbstractFileSystem, str]":
        fs, root = file_system(self.root)
        path = f"{root.rstrip('/')}/{self.kind}/{strategy}/{identity}.json"
        # Some buckets remember their listings, and another process may have written since.
        fs.invalidate_cache(path)
        return fs, path
