"""What is known of stored bars by the digest of their files: their version, and their universe.

To know which bars a result would be made of, a file need not be decoded: reading its bytes and
hashing them is a tenth of the work. What stands behind a digest was once computed from those very
bytes, and never changes.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from engine.code_version import engine_version
from engine.equal_weight import EqualWeight
from engine.history import History
from engine.settings import Window
from resources.price_store.store import PriceStore
from resources.result_cache.kept import Kept
from resources.result_cache.keys import joint_key, makers
from strategies.errors import GauntletError

if TYPE_CHECKING:
    from resources.price_store.history_loader import LoadedHistory
    from resources.price_store.spans import HistorySpec

_BARS, _UNIVERSE = "bars", "universe"
_MOST_UNIVERSES = 1000


class KnownPrices:
    """The stored bars of a source, as far as a run needs to know them.

    Files are digested once: what was read of a symbol first holds for the whole run.
    """

    def __init__(self, kept: Kept, store: PriceStore, source: str) -> None:
        self._kept, self._store, self._source = kept, store, source
        self._digests: dict[str, str] = {}

    def versions(self, wanted: Sequence["HistorySpec"]) -> dict[str, str]:
        """Return the data version of what `load_histories` would load, by symbol.

        Symbols that can't be loaded, and those that were never loaded before, are left out: they
        have to be loaded anyway. A file that has changed is decoded, since the change may be
        outside of the days that are wanted.
        """
        self._digest([symbol for symbol, _, _ in wanted])
        there = [one for one in wanted if one[0] in self._digests]
        keys = {one: self._key(one, self._digests[one[0]]) for one in there}
        known = self._kept.get(_BARS, list(keys.values()))
        found = {one[0]: known[key].decode() for one, key in keys.items() if key in known}
        unknown = {self._key(one): one for one in there if one[0] not in found}
        changed = self._kept.get(_BARS, list(unknown))
        for symbol, loaded in self.load([one for key, one in unknown.items() if key in changed]):
            if not isinstance(loaded, Exception):
                found[symbol] = loaded.data_version
        return found

    def equal_weight(self, specs: Sequence["HistorySpec"], window: Window) -> EqualWeight:
        """Return the equal-weight universe of histories, in that order.

        Raises
        ------
        UnusableBarsError
            As `EqualWeight.of`.
        """
        symbols = [symbol for symbol, _, _ in specs]
        self._digest(symbols)
        before = {symbol: self._digests.get(symbol, "") for symbol in symbols}
        files = [self._key(one, before[one[0]]) for one in specs]
        days = [window.start.isoformat(), window.end.isoformat()]
        key = joint_key(_UNIVERSE, [engine_version(), days, files])
        known = self._kept.get(_UNIVERSE, [key]).get(key)
        if known is not None:
            return _decoded(known)
        failed: dict[str, Exception] = {}
        made = EqualWeight.of(self._usable(specs, failed), window)
        if self._were_these(before, failed):
            self._kept.put(_UNIVERSE, {key: _encoded(made)})
        return made

    def load(
        self, wanted: Iterable["HistorySpec"]
    ) -> Iterator[tuple[str, "LoadedHistory | Exception"]]:
        """Yield what `load_histories` yields, and remember the versions."""
        from resources.price_store.history_loader import load_histories

        taken: deque[HistorySpec] = deque()
        versions: dict[str, bytes] = {}

        def taking() -> Iterator["HistorySpec"]:
            for one in wanted:
                taken.append(one)
                yield one

        for symbol, loaded in load_histories(self._store, self._source, taking(), True):
            one = taken.popleft()
            if not isinstance(loaded, Exception):
                self._digests[symbol] = loaded.digest
                versions[self._key(one, loaded.digest)] = loaded.data_version.encode()
                versions[self._key(one)] = b"seen"
            yield symbol, loaded
        self._kept.put(_BARS, versions)

    def prune(self, most: int) -> None:
        """Forget the oldest beyond so many versions."""
        self._kept.prune(_BARS, most)
        self._kept.prune(_UNIVERSE, _MOST_UNIVERSES)

    def _digest(self, symbols: Sequence[str]) -> None:
        new = [symbol for symbol in symbols if symbol not in self._digests]
        if new:
            self._digests |= self._store.digests(self._source, new)

    def _usable(
        self, wanted: Sequence["HistorySpec"], failed: dict[str, Exception]
    ) -> Iterator[History]:
        for symbol, loaded in self.load(wanted):
            if isinstance(loaded, Exception):
                # What could not be read, the symbol's own backtest says.
                failed[symbol] = loaded
            else:
                yield loaded.history

    def _were_these(self, before: dict[str, str], failed: dict[str, Exception]) -> bool:
        """Return whether what was loaded is what the files `before` hold.

        Another process may have changed one meanwhile, and a disk that could not be read for a
        moment says nothing of the file.
        """
        if not all(isinstance(error, GauntletError) for error in failed.values()):
            return False
        again = self._store.digests(self._source, list(failed))
        now = {symbol: again.get(symbol, "") for symbol in failed}
        return before == {symbol: self._digests.get(symbol, "") for symbol in before} | now

    def _key(self, wanted: "HistorySpec", digest: str = "") -> str:
        symbol, start, end = wanted
        return f"{makers()[:16]} {self._source} {symbol} {start} {end} {digest}"


def _encoded(universe: EqualWeight) -> bytes:
    """Return the number of symbols, then the days and the levels, eight bytes each."""
    head = np.array([universe.symbols], dtype="<i8").tobytes()
    days = universe.dates.astype(np.int64).astype("<i8").tobytes()
    return head + days + universe.level.astype("<f8").tobytes()


def _decoded(content: bytes) -> EqualWeight:
    (symbols,) = np.frombuffer(content[:8], dtype="<i8")
    days, level = np.split(np.frombuffer(content[8:], dtype="<i8"), 2)
    dates = days.astype(np.int64).view("datetime64[D]")
    return EqualWeight(dates, level.view("<f8").astype(np.float64), int(symbols))
