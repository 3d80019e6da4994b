"""What driver and workers share: the equal-weight universe, in the run's folder, and the prices.

A worker that does not find them sees other folders than the driver: a mount is missing. Every
symbol would seem to have no prices, or, worse, would be computed from those of another day.
"""

import io
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from engine.equal_weight import EqualWeight
from resources.cluster.errors import ClusterError
from resources.files.atomic_write import write_whole
from resources.files.file_systems import file_system, read_file, to_url
from resources.price_store.stored_prices import StoredPrices
from resources.run_artifacts.stored_backtests import SHARED_UNIVERSE

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_NONE = EqualWeight(np.empty(0, "datetime64[D]"), np.empty(0), 0)


@dataclass(frozen=True)
class SharedFiles:
    """The folder of a run in the files of backtests, and the price store.

    Parameters
    ----------
    prices, backtests
        Folders or URLs, the same for all machines.
    """

    prices: str
    backtests: str
    source: str
    run_id: str

    def write_universe(self, universe: EqualWeight | None) -> None:
        """Share the equal-weight universe of a run, or that there is none."""
        content, given = io.BytesIO(), universe or _NONE
        np.savez(content, dates=given.dates, level=given.level, symbols=given.symbols)
        write_whole(*self._locate(), content.getvalue())

    def read_universe(self, version: str | None) -> EqualWeight | None:
        """Return the universe of a fingerprint, None where the run has none.

        Raises
        ------
        ClusterError
            When this machine does not see the driver's folders.
        """
        return _read_universe(self, version)

    def hash_prices(self, symbols: Sequence[str]) -> Mapping[str, str]:
        """Return the hash of the stored prices of each symbol that has any."""
        return StoredPrices(self.prices).digests(self.source, symbols)

    def require_prices(self, symbols: Sequence[str], versions: Mapping[str, str]) -> None:
        """Require that prices are stored here as the driver sees them; raises ClusterError."""
        found = self.hash_prices(symbols)
        for symbol in symbols:
            if found.get(symbol) != versions.get(symbol):
                path = StoredPrices(self.prices).path_of(self.source, symbol)
                raise _not_shared(path, "GAUNTLET_PRICE_STORE")

    def _locate(self) -> "tuple[AbstractFileSystem, str]":
        fs, root = file_system(self.backtests)
        return fs, f"{root.rstrip('/')}/{self.run_id}/{SHARED_UNIVERSE}"


@lru_cache(maxsize=4)
def _read_universe(files: SharedFiles, version: str | None) -> EqualWeight | None:
    fs, path = files._locate()
    content = read_file(fs, path)
    if content is None:
        raise _not_shared(to_url(fs, path), "GAUNTLET_BACKTEST_FILES")
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        found = EqualWeight(arrays["dates"], arrays["level"], int(arrays["symbols"]))
    if not found.symbols and version is None:
        return None
    if found.version != version:
        raise _not_shared(to_url(*files._locate()), "GAUNTLET_BACKTEST_FILES")
    return found


def _not_shared(path: str, variable: str) -> ClusterError:
    return ClusterError(
        f"{socket.gethostname()} does not see {path} as the driver does: mount the folder of "
        f"{variable} on all machines, at the same path, or use a bucket. If it is, the file was "
        "changed while the run computed: run it again."
    )
