"""The files of walk-forwards: one per trial, with the choice of each fold, for people to read."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from resources.files.atomic_write import write_whole
from resources.files.file_systems import file_system, read_file, to_url

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem


@dataclass(frozen=True)
class WalkForwardFiles:
    """Walk-forwards under one root, named after their trials.

    Parameters
    ----------
    root
        Folder or fsspec URL of the backtests, beside which they are.
    """

    root: str

    def path(self, strategy: str, trial: UUID) -> str:
        """Return the file of a walk-forward, as people write it."""
        return to_url(*self._open(strategy, trial))

    def find(self, strategy: str, trial: UUID) -> dict[str, Any] | None:
        """Return what is stored of a walk-forward; None without a file that can be read."""
        with suppress(ValueError):
            stored = json.loads(read_file(*self._open(strategy, trial)) or b"")
            return stored if isinstance(stored, dict) else None
        return None

    def write(self, strategy: str, trial: UUID, described: Mapping[str, Any]) -> None:
        """Store what is to be read of a walk-forward."""
        text = json.dumps(dict(described), indent=2, allow_nan=False)
        write_whole(*self._open(strategy, trial), text.encode())

    def _open(self, strategy: str, trial: UUID) -> "tuple[AbstractFileSystem, str]":
        fs, root = file_system(self.root)
        path = f"{root.rstrip('/')}/walk_forward/{strategy}/{trial}.json"
        # Some buckets remember their listings, and another process may have written since.
        fs.invalidate_cache(path)
        return fs, path
