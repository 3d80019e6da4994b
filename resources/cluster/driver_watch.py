"""Ends a process of a local cluster when the driver that started it is gone, however it went.

Loaded by Dask (``--preload`` of the scheduler, ``--preload-nanny`` of workers). The driver holds
the other end of standard input, which the kernel closes when the driver dies: of SIGKILL as well.
"""

import os
import signal
import threading
from functools import cache

NAME = __name__
"""As Dask's commands name what they load."""


def dask_setup(_: object) -> None:
    """Watch standard input; nannies of one process watch it once."""
    _watch()


@cache
def _watch() -> None:
    threading.Thread(target=_end_with_driver, name="driver watch", daemon=True).start()


def _end_with_driver() -> None:
    while os.read(0, 1024):
        pass
    # Dask's own handler: workers retire, and processes are ended in order.
    os.kill(os.getpid(), signal.SIGTERM)
