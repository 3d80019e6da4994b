"""What a worker does with a chunk: load, compute, write; rows and digests go back.

It needs no Dagster and no database. It is imported when a worker starts, and by the driver.
"""

import io
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

from engine.backtest import VectorBTEngine
from research.audit.backtest_audit import BacktestAudit
from research.chunks import Chunk, ChunkOutcome, Planned
from research.run_spec import RunSpec
from research.runner import BacktestRunner
from research.trial_collector import KeptBatch
from resources.cluster.chunk_archive import ChunkArchive
from resources.cluster.edition import Edition, compute_edition, describe_difference
from resources.cluster.errors import EditionError
from resources.cluster.shared_files import SharedFiles
from resources.price_store.history_loader import load_histories
from resources.price_store.spans import HistorySpec
from resources.price_store.stored_prices import StoredPrices
from resources.run_artifacts.stored_backtests import StoredBacktests

_SECONDS_BETWEEN_LOOKS = 0.5
_SECONDS_TO_STOP = 3.0
_STOPPED = 3


@dataclass(frozen=True)
class Job:
    """What all chunks of a run have in common.

    Parameters
    ----------
    spec
        Without the universe, which `files` has.
    edition
        The driver's.
    timeout
        Seconds after which a chunk is given up.
    """

    spec: RunSpec
    universe_version: str | None
    files: SharedFiles
    edition: Edition
    timeout: float

    @classmethod
    def of(cls, spec: RunSpec, files: SharedFiles, timeout: float) -> "Job":
        """Return the job of a run."""
        # A new window has not cached its days yet, which are an array.
        bare = replace(spec, universe=None, window=replace(spec.window))
        return cls(bare, spec.universe_version, files, compute_edition(), timeout)


class ChunkCanceledError(Exception):
    """Nobody waits for the chunk any more."""


def run_task(job: Job, chunk: Chunk[HistorySpec]) -> ChunkOutcome:
    """Compute a chunk as a task of Dask: it ends when it is canceled, or takes too long."""
    if difference := describe_difference(job.edition, compute_edition()):
        raise EditionError(f"{socket.gethostname()} differs from the driver: {difference}.")
    with _ended_after(job.timeout), _watched() as refuse_canceled:
        return run_chunk(job, chunk, refuse_canceled)


def run_chunk(
    job: Job, chunk: Chunk[HistorySpec], refuse_canceled: Callable[[], None] = lambda: None
) -> ChunkOutcome:
    """Compute a chunk.

    Parameters
    ----------
    refuse_canceled
        Called after every few symbols; it raises when the chunk is not wanted any more.
    """
    universe = job.files.read_universe(job.universe_version)
    job.files.require_prices([one.symbol for one in chunk.specs], chunk.versions)
    spec = replace(job.spec, universe=universe)
    archive = ChunkArchive(spec, StoredBacktests(job.files.backtests), chunk.known)
    batches: list[KeptBatch] = []
    runner = BacktestRunner(
        spec,
        VectorBTEngine(spec.settings),
        archive,
        BacktestAudit(closely=0),
        lambda _: refuse_canceled(),
        batches.append,
    )
    load = partial(load_histories, StoredPrices(job.files.prices), spec.source)
    (_,) = runner.run(load, [chunk.specs], first_part=chunk.part)
    numbers = {strategy: number for number, strategy in enumerate(spec.strategies)}
    rows = io.BytesIO()
    archive.rows.write_ipc_stream(rows, compression="zstd")
    return ChunkOutcome(
        part=chunk.part,
        planned=tuple(
            Planned(symbol, numbers[strategy], identifier)
            for (symbol, strategy), identifier in batches[0].planned.items()
        ),
        rows=rows.getvalue(),
        digests=archive.digests,
        compared=archive.compared,
        differing=tuple(archive.changed),
        attempt=archive.attempt,
        failures=tuple(runner.failures),
        findings=runner.audit.read(),
        indicators=runner.indicators,
        worker=socket.gethostname(),
    )


@contextmanager
def _ended_after(seconds: float) -> Iterator[None]:
    """End this process when it takes longer: the kernel does it, whatever holds the interpreter.

    A process computes one chunk at a time, and its nanny starts another one.
    """
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)


@contextmanager
def _watched() -> Iterator[Callable[[], None]]:
    """Lend a function that raises when the scheduler wants the task no more.

    Dask does not stop what runs already. Where the function is not called, because a strategy
    hangs, the process ends some seconds later.
    """
    from dask.context import thread_state
    from distributed.worker import get_worker

    worker, key = get_worker(), thread_state.key
    canceled, ended = threading.Event(), threading.Event()

    def is_wanted() -> bool:
        task = worker.state.tasks.get(key)
        return task is not None and task.state in {"executing", "long-running"}

    def watch() -> None:
        while not ended.wait(_SECONDS_BETWEEN_LOOKS):
            if not is_wanted():
                canceled.set()
                if not ended.wait(_SECONDS_TO_STOP):
                    os._exit(_STOPPED)
                return

    def refuse_canceled() -> None:
        if canceled.is_set():
            raise ChunkCanceledError

    thread = threading.Thread(target=watch, name="chunk-canceled", daemon=True)
    thread.start()
    try:
        yield refuse_canceled
    finally:
        ended.set()
        thread.join()
