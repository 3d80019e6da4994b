"""The equal-weight universe of stored bars, cached in a file: computed once for the same bars.

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


_MAX_FILES = 50
"""The newest universes of a source are cached: one per night, of some 20 KB each."""


def load_equal_weight(
    store: PriceStore,
    source: str,
    specs: Sequence[HistorySpec],
    window: Window,
    use_cached: bool = True,
) -> EqualWeight:
    """Return the equal-weight universe of stored bars, in that order.

    Symbols that can't be read are left out; their own backtests report why. Without `use_cached`
    it is computed again.

    Raises
    ------
    UnusableBarsError
        As `EqualWeight.of`.
    """
    symbols = [spec.symbol for spec in specs]
    digests = store.digests(source, symbols)
    fs, folder = store.folder_of(source)
    path = f"{folder}/.equal_weight/{_hash_inputs(specs, window, digests)}.npz"
    cached = _read(fs, path) if use_cached else None
    if cached is not None:
        return cached
    unread: list[Exception] = []
    universe = EqualWeight.of(_load_histories(store, source, specs, unread), window)
    # A file may have changed meanwhile, and a disk that can't be read says nothing of the file.
    lasting = all(isinstance(one, GauntletError) for one in unread)
    if lasting and store.digests(source, symbols) == digests:
        _write(fs, path, universe)
    return universe


def _hash_inputs(specs: Sequence[HistorySpec], window: Window, digests: dict[str, str]) -> str:
    """Return a fingerprint of all that the universe depends on, its code included."""
    code = [engine_version(), inspect.getsource(history_loader), version("polars")]
    files = [[one.symbol, str(one.start), str(one.end), digests.get(one.symbol)] for one in specs]
    text = json.dumps([code, str(window.start), str(window.end), files])
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _load_histories(
    store: PriceStore, source: str, specs: Sequence[HistorySpec], unread: list[Exception]
) -> Iterator[History]:
    for _, loaded in history_loader.load_histories(store, source, specs):
        if isinstance(loaded, Exception):
            unread.append(loaded)
        else:
            yield loaded.history


def _read(fs: "AbstractFileSystem", path: str) -> EqualWeight | None:
    """Return the cached universe; None without a readable one (npz has a checksum)."""
    with suppress(Exception):
        content = io.BytesIO(cast("bytes", fs.cat_file(path)))
        with np.load(content, allow_pickle=False) as cached:
            return EqualWeight(cached["dates"], cached["level"], int(cached["symbols"]))
    return None


def _write(fs: "AbstractFileSystem", path: str, universe: EqualWeight) -> None:
    """Cache a universe, and remove the oldest; a write that fails is ignored."""
    content = io.BytesIO()
    np.savez(content, dates=universe.dates, level=universe.level, symbols=universe.symbols)
    with suppress(OSError):
        write_whole(fs, path, content.getvalue())
        folder = path.rpartition("/")[0]
        fs.invalidate_cache(folder)
        cached = [str(one) for one in fs.ls(folder, detail=False) if str(one).endswith(".npz")]
        for old in sorted(cached, key=fs.modified)[:-_MAX_FILES]:
            fs.rm_file(old)
