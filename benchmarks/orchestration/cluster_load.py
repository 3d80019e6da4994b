"""A cluster whose chunks are empty: what each takes of scheduler and driver."""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

from benchmarks.clock import cpu_seconds, cpu_seconds_of, wall_seconds
from benchmarks.orchestration.cluster_worker import answer
from benchmarks.orchestration.graphs import scratch
from research.chunks import Chunk
from resources.cluster.dask_executor import DaskExecutor, connect
from resources.cluster.local_cluster import LocalCluster
from resources.cluster.task import Job
from resources.price_store.spans import HistorySpec

_IDLE_SECONDS = 3.0
_PATIENCE = 300.0


@dataclass(frozen=True)
class EmptyChunks:
    """What empty chunks took.

    Parameters
    ----------
    wall
        Seconds on this machine, whose cores scheduler, driver and all workers share.
    scheduler, driver
        Seconds of the processor, all chunks together.
    idle
        Share of a core that the scheduler takes while nothing is computed.
    """

    workers: int
    chunks: int
    wall: float
    scheduler: float
    driver: float
    idle: float


def run_empty_chunks(
    job: Job, specs: Sequence[HistorySpec], workers: int, chunks: int
) -> EmptyChunks:
    """Compute empty chunks of the same symbols on so many workers of one process."""
    with _many_workers(workers) as cluster, connect(cluster.address, cluster.folder) as client:
        client.wait_for_workers(workers, timeout=_PATIENCE)
        scheduler = psutil.Process(cluster.processes[0].pid)
        begun = cpu_seconds_of(scheduler)
        time.sleep(_IDLE_SECONDS)
        idle = (cpu_seconds_of(scheduler) - begun) / _IDLE_SECONDS
        executor = DaskExecutor(client, job, task=answer)
        started = wall_seconds(), cpu_seconds_of(scheduler), cpu_seconds()
        done = sum(1 for _ in executor.run(Chunk(part, tuple(specs)) for part in range(chunks)))
        ended = wall_seconds(), cpu_seconds_of(scheduler), cpu_seconds()
    assert done == chunks  # noqa: S101 - what was lost must not count as fast
    wall, its, own = (later - earlier for later, earlier in zip(ended, started, strict=True))
    return EmptyChunks(workers, chunks, wall, its, own, idle)


@contextmanager
def _many_workers(workers: int) -> Iterator[LocalCluster]:
    cluster = LocalCluster(scratch())
    try:
        cluster.start_scheduler()
        module = "benchmarks.orchestration.cluster_worker"
        given = [cluster.address, str(cluster.folder), str(workers)]
        cluster.spawn([sys.executable, "-m", module, *given], "workers")
        yield cluster
    finally:
        cluster.stop()
