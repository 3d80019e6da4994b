"""Which file of the price store holds what.

``<root>/<source>/<symbol>.parquet`` are the bars of a symbol, a slash in it written as %2F. Beside
them are
``.versions/<symbol>/<data version>.parquet``, its superseded bars, and
``.quarantine/<symbol>.<hash>.parquet``, files that could not be read.
"""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from resources.files.file_systems import file_system
from resources.price_store.errors import PriceStoreError
from resources.universe import SYMBOL_RULE, from_file_stem, is_symbol, to_file_stem

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_SOURCE = r"[a-z][a-z0-9_]*"
_SUFFIX = ".parquet"


def open_folder(root: str, source: str) -> tuple[AbstractFileSystem, str]:
    """Return the file system and the folder of a source.

    Raises PriceStoreError for a name that could leave the root.
    """
    if not re.fullmatch(_SOURCE, source):
        raise PriceStoreError(f"{source[:40]!r} is not the name of a source.")
    fs, path = file_system(root)
    folder = f"{path.rstrip('/')}/{source}"
    # Buckets cache their listings: without this, a file that another process has written since
    # would be missing, and a write would not see what it merges with.
    fs.invalidate_cache(folder)
    return fs, folder


def symbol_path(folder: str, symbol: str) -> str:
    """Return the path of a symbol's file; raises PriceStoreError for what is not a symbol."""
    if not is_symbol(symbol):
        raise not_a_symbol(symbol)
    return f"{folder}/{to_file_stem(symbol)}{_SUFFIX}"


def not_a_symbol(symbol: str) -> PriceStoreError:
    """Return the error for a name that could leave the folder."""
    return PriceStoreError(f"{symbol[:40]!r} is not a symbol ({SYMBOL_RULE}).")


def revision_path(path: str, data_version: str) -> str:
    """Return where bars of the file at `path` are kept when others supersede them."""
    return f"{_build_revision_folder(path)}/{data_version}{_SUFFIX}"


def quarantine_path(path: str, content: bytes) -> str:
    """Return where the content of the file at `path` is kept if it cannot be read."""
    folder, _, name = path.rpartition("/")
    digest = sha256(content).hexdigest()[:16]
    return f"{folder}/.quarantine/{name.removesuffix(_SUFFIX)}.{digest}{_SUFFIX}"


def list_sources(root: str) -> list[str]:
    """Return the sources of which anything is stored, sorted."""
    return sorted(name for name in _list_names(*file_system(root)) if re.fullmatch(_SOURCE, name))


def list_symbols(fs: AbstractFileSystem, folder: str) -> set[str]:
    """Return the symbols that have a file in the folder of a source."""
    names = _list_names(fs, folder)
    stems = (name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX))
    found = {from_file_stem(stem) for stem in stems}
    return {symbol for symbol in found if is_symbol(symbol)}


def list_revision_files(fs: AbstractFileSystem, path: str) -> list[str]:
    """Return the paths of the superseded bars of the file at `path`, in no order."""
    folder = _build_revision_folder(path)
    names = _list_names(fs, folder)
    return [
        f"{folder}/{name}" for name in names if name.endswith(_SUFFIX) and not name.startswith(".")
    ]


def _build_revision_folder(path: str) -> str:
    folder, _, name = path.rpartition("/")
    return f"{folder}/.versions/{name.removesuffix(_SUFFIX)}"


def _list_names(fs: AbstractFileSystem, folder: str) -> list[str]:
    """Return the names in a folder, also those written since by others; none if it is missing."""
    fs.invalidate_cache(folder)
    try:
        # Listed, not globbed: brackets in the root would be read as a pattern.
        return [PurePosixPath(str(entry)).name for entry in fs.ls(folder, detail=False)]
    except FileNotFoundError:
        return []
