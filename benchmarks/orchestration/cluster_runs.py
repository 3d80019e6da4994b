"""The backtests of a universe without Dagster and without a database, here and on a cluster."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import polars as pl

from benchmarks.universe import nine_strategies
from engine.backtest import VectorBTEngine
from engine.code_version import code_version
from engine.equal_weight import EqualWeight
from engine.settings import BacktestSettings, Window
from research.chunk_runner import ChunkRunner
from research.chunks import Chunk, ChunkOutcome, Executor
from research.run_spec import RunSpec
from research.runner import BacktestRunner
from resources.cluster.dask_executor import DaskExecutor
from resources.cluster.shared_files import SharedFiles
from resources.cluster.task import Job, run_chunk
from resources.config.run_settings import stored_settings
from resources.market_data.sources.synthetic import SyntheticSource
from resources.price_store.history_loader import load_histories
from resources.price_store.spans import HistorySpec
from resources.price_store.stored_prices import StoredPrices
from resources.run_artifacts.result_archive import ResultArchive
from resources.run_artifacts.stored_backtests import StoredBacktests

if TYPE_CHECKING:
    from distributed import Client

BARS = 756
WINDOW = Window(date(2021, 1, 1), date(2024, 1, 4))
"""Of so many bars."""

TIMEOUT = 900.0
_SOURCE = "synthetic"
_WARM_UP = 365
_FIRST = WINDOW.start - timedelta(days=_WARM_UP)
# Of so many symbols the universe that they are compared with.
_COMPARED = 50


@dataclass(frozen=True)
class PoolExecutor:
    """Computes chunks in a pool of processes: with what Dask's workers call, and without Dask."""

    pool: ProcessPoolExecutor
    job: Job

    def run(self, chunks: Iterable[Chunk[HistorySpec]]) -> Iterator[ChunkOutcome]:
        """Yield what came of each chunk, as they are done."""
        futures = [self.pool.submit(run_chunk, self.job, self._name(one)) for one in chunks]
        yield from (future.result() for future in as_completed(futures))

    def close(self) -> None:
        """Leave the pool as it is: other runs use it."""

    def _name(self, chunk: Chunk[HistorySpec]) -> Chunk[HistorySpec]:
        versions = self.job.files.hash_prices([one.symbol for one in chunk.specs])
        return replace(chunk, versions=versions)


@dataclass(frozen=True)
class Runs:
    """Runs of one universe, whose prices are stored.

    Parameters
    ----------
    chunk
        How many symbols a chunk has.
    """

    folder: Path
    symbols: int
    chunk: int

    def store_prices(self) -> None:
        """Store the prices of all symbols."""
        for one in self.specs:
            bars = SyntheticSource().fetch(one.symbol, _FIRST, WINDOW.end)
            self.prices.write(_SOURCE, one.symbol, bars, (_FIRST, WINDOW.end))

    def run_here(self) -> pl.DataFrame:
        """Return the rows of all backtests, computed in this process."""
        runner = BacktestRunner(*self._given())
        return self._collect(runner)

    def run_there(self, client: "Client") -> pl.DataFrame:
        """Return the rows of all backtests, computed on a cluster."""
        return self._run_with(partial(DaskExecutor, client))

    def run_in_pool(self, pool: ProcessPoolExecutor) -> pl.DataFrame:
        """Return the rows of all backtests, computed by a pool of local processes."""
        return self._run_with(partial(PoolExecutor, pool))

    def build_job(self) -> Job:
        """Return what all chunks of a run have in common."""
        spec, _, archive = self._given()
        return Job.of(spec, self._share(spec, archive), TIMEOUT)

    def _run_with(self, build: Callable[[Job], Executor]) -> pl.DataFrame:
        spec, engine, archive = self._given()
        shared = self._share(spec, archive)
        shared.write_universe(spec.universe)
        executor = build(Job.of(spec, shared, TIMEOUT))
        return self._collect(ChunkRunner(spec, engine, archive, executor))

    def _share(self, spec: RunSpec, archive: ResultArchive) -> SharedFiles:
        return SharedFiles(self.prices.root, archive.files.root, spec.source, spec.run_id)

    @cached_property
    def specs(self) -> Sequence[HistorySpec]:
        """The histories of all symbols."""
        names = (f"S{number:05}" for number in range(self.symbols))
        return [HistorySpec(name, _FIRST, WINDOW.end) for name in names]

    @property
    def batches(self) -> Sequence[Sequence[HistorySpec]]:
        """The symbols of each chunk."""
        places = range(0, self.symbols, self.chunk)
        return [self.specs[place : place + self.chunk] for place in places]

    @property
    def prices(self) -> StoredPrices:
        """The stored prices."""
        return StoredPrices(str(self.folder / "prices"))

    @cached_property
    def universe(self) -> EqualWeight | None:
        """What symbols are compared with."""
        loaded = load_histories(self.prices, _SOURCE, self.specs[:_COMPARED])
        histories = [one.history for _, one in loaded if not isinstance(one, Exception)]
        return EqualWeight.of(histories, WINDOW)

    def _given(self) -> tuple[RunSpec, VectorBTEngine, ResultArchive]:
        settings, strategies = BacktestSettings(), nine_strategies()
        spec = RunSpec(
            run_id=str(uuid4()),
            source=_SOURCE,
            strategies=strategies,
            window=WINDOW,
            settings=settings,
            stored_settings=stored_settings(settings, _WARM_UP),
            code_versions={one.name: code_version(type(one)) for one in strategies},
            universe=self.universe,
        )
        # Nothing is looked up: everything is computed.
        store: Any = None
        files = StoredBacktests(str(self.folder / "backtests"))
        archive = ResultArchive(spec, store, files, use_stored=False)  # pyright: ignore[reportArgumentType]
        return spec, VectorBTEngine(settings), archive

    def _collect(self, runner: BacktestRunner | ChunkRunner) -> pl.DataFrame:
        load = partial(load_histories, self.prices, _SOURCE)
        rows = pl.concat(list(runner.run(load, self.batches)))
        assert not runner.failures  # noqa: S101 - a failure is faster than a backtest
        return rows
