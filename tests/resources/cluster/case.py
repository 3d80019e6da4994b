"""A run of the same strategies in this process and on the cluster."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from research.chunks import Chunk
from research.run_spec import RunSpec
from resources.run_artifacts.stored_backtests import SHARED_UNIVERSE
from strategies.base import Strategy
from tests.cluster_runs import (
    SOURCE,
    Done,
    Shared,
    read_files,
    run,
    wanted,
)
from tests.cluster_trouble import plant
from tests.resources.cluster.hosts import Hosts

SYMBOLS = [f"S{number:02}" for number in range(12)]
CHUNK = 2
TROUBLED = SYMBOLS[5]
"""In the third chunk, with S04."""


@dataclass
class Case:
    """A run of the same strategies here and on the cluster."""

    cluster: Hosts
    here: Shared
    there: Shared
    strategies: Sequence[Strategy]
    run_id: str

    def spec(self) -> RunSpec:
        """Return what is run."""
        return self.here.spec(self.run_id, self.strategies, SYMBOLS)

    def compute_here(self) -> Done:
        """Return what comes of it in this process."""
        return run(self.here, self.spec(), SYMBOLS, CHUNK, None)

    def compute_there(self, timeout: float = 600.0) -> Done:
        """Return what comes of it on the cluster."""
        spec = self.spec()
        with self.cluster.execute(spec, self.there, timeout) as executor:
            return run(self.there, spec, SYMBOLS, CHUNK, executor)

    def plant(self, what: str, times: int = 1, symbol: str = TROUBLED) -> Path:
        """Plant trouble for a symbol; return the file of who met it."""
        bars = self.here.prices.read(SOURCE, symbol)
        close = bars["close"][-1] * bars["adjustment"][-1]
        return plant(self.cluster.trouble, close, what, times)

    def assert_same(self, done: Done) -> None:
        """Rows, files and failures are those of this process, to the bit."""
        expected = self.compute_here()
        assert pl.concat(done.rows).equals(pl.concat(expected.rows))
        assert done.failures == expected.failures
        assert read_files(self.there, self.run_id) == read_files(self.here, self.run_id)

    def count_uncommitted(self) -> int:
        """Return how many files of attempts there are that were not committed."""
        names = self.there.files.find_uncommitted(self.run_id)
        return sum(name != SHARED_UNIVERSE for name in names)

    def chunk(self, part: int) -> Chunk[Any]:
        """Return a chunk of the run."""
        return Chunk(part, tuple(wanted(SYMBOLS[CHUNK * part : CHUNK * (part + 1)])))
