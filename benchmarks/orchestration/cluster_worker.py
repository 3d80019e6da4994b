"""Many workers of a cluster in one process, whose chunks are empty: the scheduler is what works.

``python -m benchmarks.orchestration.cluster_worker tls://127.0.0.1:8786 FOLDER 50`` starts 50 of
them, with the certificates of the folder, until it is ended.
"""

import asyncio
import logging
import os
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import dask.config
from distributed import Worker

from research.chunks import Chunk, ChunkOutcome, Planned
from resources.cluster.dask_executor import build_security
from resources.cluster.edition import compute_edition, to_resources
from resources.cluster.task import Job
from strategies.indicator_cache import CacheStats

ROW_BYTES = 300
"""Of a backtest in the rows of a chunk, compressed; the benchmark of real chunks says how many."""


def answer(job: Job, chunk: Chunk[Any]) -> ChunkOutcome:
    """Return what is as large as the outcome of a chunk, without computing anything."""
    numbers = range(len(job.spec.strategies))
    planned = [
        Planned(spec.symbol, number, f"{place:018x}{number:018x}")
        for place, spec in enumerate(chunk.specs)
        for number in numbers
    ]
    return ChunkOutcome(
        part=chunk.part,
        planned=tuple(planned),
        rows=os.urandom(ROW_BYTES * len(planned)),
        digests={one.identifier: one.identifier[:16] for one in planned},
        compared={},
        differing=(),
        attempt=None,
        failures=(),
        findings=(),
        indicators=CacheStats(),
    )


async def main(address: str, folder: Path, workers: int) -> None:
    """Be so many workers of the scheduler at an address."""
    # What each of them would do every few milliseconds, of use to nobody here.
    dask.config.set(
        {
            "distributed.worker.profile.enabled": False,
            "distributed.admin.system-monitor.interval": "10s",
        }
    )
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    security = build_security(folder)
    resources = to_resources(compute_edition())
    async with AsyncExitStack() as stack:
        for number in range(workers):
            worker = Worker(
                address,
                nthreads=1,
                name=f"empty-{number}",
                security=security,
                resources=resources,
                memory_limit=0,
                local_directory=str(folder),
                host="127.0.0.1",
                dashboard=False,
                http_prefix="",
            )
            await stack.enter_async_context(worker)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
