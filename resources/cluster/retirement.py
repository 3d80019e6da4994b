"""What a nanny does before it ends: its worker retires, so that its chunk is not blamed for it.

Loaded by Dask (``--preload-nanny``).
"""

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from distributed import Nanny

# The grace of a pod that is removed is longer, and so is that of a container.
_ANSWER_SECONDS = 3.0


async def dask_teardown(nanny: "Nanny") -> None:
    """Have the scheduler give the worker's chunk to another one, if it answers.

    Dask counts a worker that is gone unexpectedly against the task that it computed, also when its
    nanny was told to end (SIGTERM). One that has retired is expected to go.
    """
    if (address := nanny.worker_address) is None:
        return
    with suppress(OSError, TimeoutError):
        await asyncio.wait_for(
            nanny.scheduler.retire_workers(workers=[address]), timeout=_ANSWER_SECONDS
        )
