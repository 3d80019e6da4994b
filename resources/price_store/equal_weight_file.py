"""The equal-weight universe of stored bars, kept so that it is computed once for the same files.

To know that the files are the same, hashing their bytes is enough, a sixth of the work of decoding
them: with 10,000 symbols a request of one symbol waits for a second and not for six.
"""

import hashlib
import inspect
import io
import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib.metadata import version
from typing import TYPE_CHECKING, cast

import numpy as np

from engine.code_version import engine_version
from engine.equal_weight import EqualWeight
from engine.history import History
from engine.settings import Window
from resources.files.atomic_write import write_whole
from resources.price_store import history_loader
from resources.price_store.spans import HistorySpec
from resources.price_store.store import PriceStore
from strategies.errors import GauntletError

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem


_KEPT = 50
"""Universes of a source that are kept, the newest: one per night, of some 20 KB each."""


def load_equal_weight(
    store: PriceStore,
    source: str,
    specs: Sequence[HistorySpec],
    window: Window,
    use_kept: bool = True,
) -> EqualWeight:
    """Return the equal-weight universe of stored bars, in that order.

    Symbols that can't be read are left out: why, their own backtests say. Without `use_kept` it is
    computed, whether or not it was before.

    Raises
    ------
    UnusableBarsError
        As `EqualWeight.of`.
    """
    symbols = [spec.symbol for spec in specs]
    digests = store.digests(source, symbols)
    fs, folder = store.folder_of(source)
    path = f"{folder}/.equal_weight/{_key(specs, window, digests)}.npz"
    kept = _read(fs, path) if use_kept else None
    if kept is not None:
        return kept
    unread: list[Exception] = []
    universe = EqualWeight.of(_histories(store, source, specs, unread), window)
    # A file may have changed meanwhile, and a disk that can't be read says nothing of the file.
    lasting = all(isinstance(one, GauntletError) for one in unread)
    if lasting and store.digests(source, symbols) == digests:
        _write(fs, path, universe)
    return universe


def _key(specs: Sequence[HistorySpec], window: Window, digests: dict[str, str]) -> str:
    """Return a fingerprint of all that the universe depends on, the code that makes it included."""
    code = [engine_version(), inspect.getsource(history_loader), version("polars")]
    files = [[symbol, str(start), str(end), digests.get(symbol)] for symbol, start, end in specs]
    text = json.dumps([code, str(window.start), str(window.end), files])
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _histories(
    store: PriceStore, source: str, specs: Sequence[HistorySpec], unread: list[Exception]
) -> Iterator[History]:
    for _, loaded in history_loader.load_histories(store, source, specs):
        if isinstance(loaded, Exception):
            unread.append(loaded)
        else:
            yield loaded.history


def _read(fs: "AbstractFileSystem", path: str) -> EqualWeight | None:
    """Return what is kept; None if nothing is, or if it can't be read (its checksum is off)."""
    with suppress(Exception):
        content = io.BytesIO(cast("bytes", fs.cat_file(path)))
        with np.load(content, allow_pickle=False) as kept:
            return EqualWeight(kept["dates"], kept["level"], int(kept["symbols"]))
    return None


def _write(fs: "AbstractFileSystem", path: str, universe: EqualWeight) -> None:
    """Keep a universe, and forget the oldest; that it can't be kept fails nobody."""
    content = io.BytesIO()
    np.savez(content, dates=universe.dates, level=universe.level, symbols=universe.symbols)
    with suppress(OSError):
        write_whole(fs, path, content.getvalue())
        folder = path.rpartition("/")[0]
        fs.invalidate_cache(folder)
        kept = [str(one) for one in fs.ls(folder, detail=False) if str(one).endswith(".npz")]
        for old in sorted(kept, key=fs.modified)[:-_KEPT]:
            fs.rm_file(old)
