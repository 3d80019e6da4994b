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
from resources import session_table, trading_calendar
from resources.files.atomic_write import write_whole
from resources.price_store import history_loader, jumps, price_quality, split_odds
from resources.price_store.errors import DistortedBarsError
from resources.price_store.price_quality import JumpRule
from resources.price_store.spans import HistorySpec
from resources.price_store.store import PriceStore
from strategies.errors import GauntletError

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem


_MAX_FILES = 50
"""The newest universes of a source are cached: one per night, of some 20 KB each."""

_DIGEST_BYTES = hashlib.sha256().digest_size


def load_equal_weight(
    store: PriceStore,
    source: str,
    specs: Sequence[HistorySpec],
    window: Window,
    jump_rule: JumpRule,
    use_cached: bool = True,
) -> tuple[EqualWeight, Sequence[str]]:
    """Return the equal-weight universe of stored bars, and the symbols left out for jumps.

    It takes symbols in the order of `specs`. One wrong price would be in the benchmark of every
    symbol, so those whose prices jump without an explanation are left out, and named. So are those
    that can't be read; their own backtests report why. Without `use_cached` it is computed again.

    Raises
    ------
    UnusableBarsError
        As `EqualWeight.of`.
    """
    symbols = [spec.symbol for spec in specs]
    digests = store.digests(source, symbols)
    fs, folder = store.folder_of(source)
    path = f"{folder}/.equal_weight/{_hash_inputs(specs, window, digests, jump_rule)}.npz"
    cached = _read(fs, path) if use_cached else None
    if cached is not None:
        return cached
    unread: list[Exception] = []
    histories = _load_histories(store, source, specs, jump_rule, unread)
    universe = EqualWeight.of(histories, window)
    distorted = [one.symbol for one in unread if isinstance(one, DistortedBarsError)]
    # A file may have changed meanwhile, and a disk that can't be read says nothing of the file.
    lasting = all(isinstance(one, GauntletError) for one in unread)
    if lasting and store.digests(source, symbols) == digests:
        _write(fs, path, universe, distorted)
    return universe, distorted


def _hash_inputs(
    specs: Sequence[HistorySpec], window: Window, digests: dict[str, str], jump_rule: JumpRule
) -> str:
    """Return a fingerprint of all that the universe depends on, its code included."""
    modules = (history_loader, price_quality, jumps, split_odds, trading_calendar, session_table)
    libraries = version("polars"), version("exchange_calendars")
    code = [engine_version(), *map(inspect.getsource, modules), *libraries]
    files = [
        [one.symbol, str(one.start), str(one.end), one.calendar, digests.get(one.symbol)]
        for one in specs
    ]
    text = json.dumps([code, str(window.start), str(window.end), jump_rule.describe(), files])
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _load_histories(
    store: PriceStore,
    source: str,
    specs: Sequence[HistorySpec],
    jump_rule: JumpRule,
    unread: list[Exception],
) -> Iterator[History]:
    for _, loaded in history_loader.load_histories(store, source, specs, jump_rule.find):
        if isinstance(loaded, Exception):
            unread.append(loaded)
        else:
            yield loaded.history


def _read(fs: "AbstractFileSystem", path: str) -> tuple[EqualWeight, Sequence[str]] | None:
    """Return the cached universe and who is left out; None without one that is as written.

    The SHA-256 of the file is at its end: the checksums that npz has are of its arrays alone.
    """
    with suppress(Exception):
        content = cast("bytes", fs.cat_file(path))
        arrays, digest = content[:-_DIGEST_BYTES], content[-_DIGEST_BYTES:]
        if hashlib.sha256(arrays).digest() != digest:
            return None
        with np.load(io.BytesIO(arrays), allow_pickle=False) as cached:
            universe = EqualWeight(cached["dates"], cached["level"], int(cached["symbols"]))
            return universe, cached["distorted"].tolist()
    return None


def _write(
    fs: "AbstractFileSystem", path: str, universe: EqualWeight, distorted: Sequence[str]
) -> None:
    """Cache a universe, and remove the oldest; a write that fails is ignored."""
    content = io.BytesIO()
    np.savez(
        content,
        dates=universe.dates,
        level=universe.level,
        symbols=universe.symbols,
        distorted=np.array(distorted, dtype=np.str_),
    )
    arrays = content.getvalue()
    with suppress(OSError):
        write_whole(fs, path, arrays + hashlib.sha256(arrays).digest())
        folder = path.rpartition("/")[0]
        fs.invalidate_cache(folder)
        cached = [str(one) for one in fs.ls(folder, detail=False) if str(one).endswith(".npz")]
        for old in sorted(cached, key=fs.modified)[:-_MAX_FILES]:
            fs.rm_file(old)
