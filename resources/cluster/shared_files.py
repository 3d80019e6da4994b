"""What driver and workers share by the run's folder: the equal-weight universe, and that it is one.

A worker that does not find it sees another folder than the driver: a mount is missing. Without it,
every symbol would seem to have no prices, and its results would be lost.
"""

import io
import socket
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from engine.equal_weight import EqualWeight
from resources.cluster.errors import ClusterError
from resources.files.atomic_write import write_whole
from resources.files.file_systems import file_system, read_file, to_url

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_NAME = "cluster.npz"
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

    def remove_universe(self) -> None:
        """Remove it, when the run needs it no more."""
        fs, path = self._locate()
        if fs.exists(path):
            fs.rm_file(path)

    def read_universe(self, version: str | None) -> EqualWeight | None:
        """Return the universe of a fingerprint, None where the run has none.

        Raises
        ------
        ClusterError
            When this machine does not see the driver's folders.
        """
        return _read_universe(self, version)

    def _locate(self) -> "tuple[AbstractFileSystem, str]":
        fs, root = file_system(self.backtests)
        return fs, f"{root.rstrip('/')}/{self.run_id}/{_NAME}"


@lru_cache(maxsize=4)
def _read_universe(files: SharedFiles, version: str | None) -> EqualWeight | None:
    fs, path = files._locate()
    content = read_file(fs, path)
    if content is None:
        raise _not_shared(to_url(fs, path), "GAUNTLET_BACKTEST_FILES")
    fs, root = file_system(files.prices)
    if not fs.exists(f"{root.rstrip('/')}/{files.source}"):
        raise _not_shared(files.prices, "GAUNTLET_PRICE_STORE")
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
        f"{variable} on all machines, at the same path, or use a bucket."
    )
