"""Processes of runs that are forks of one that has imported everything: the template.

It is Python's own fork server: a process without threads that imports modules, and then only forks.
What is added here is that neither a run nor the server that starts it depends on its life: a
template that is gone is replaced when the next run starts, and its runs go on.
"""

import os
import time
from multiprocessing import forkserver, popen_forkserver
from multiprocessing.context import ForkServerContext, ForkServerProcess
from multiprocessing.process import BaseProcess

from resources.run_processes.process import ProcessIdentity

_UNKNOWN = 255
"""The exit code of a process whose parent, the template, is gone: nobody else is told it."""

_TRIES = 20
_PAUSE = 0.1


class _Popen(popen_forkserver.Popen):
    def __init__(self, process_obj: BaseProcess) -> None:
        for tries_left in reversed(range(_TRIES)):
            try:
                super().__init__(process_obj)
                break
            except (EOFError, ConnectionError):
                # The template has ended, or is about to.
                if not tries_left:
                    raise
                time.sleep(_PAUSE)
        self._identity = ProcessIdentity.of(self.pid)

    def poll(self, flag: int = os.WNOHANG) -> int | None:
        """Return the exit code of a process that has ended, else None."""
        if super().poll(flag) == _UNKNOWN and self._identity.is_alive():
            self.returncode = None
        return self.returncode


class _RunProcess(ForkServerProcess):
    @staticmethod
    def _Popen(process_obj: BaseProcess) -> _Popen:  # noqa: N802
        return _Popen(process_obj)


class RunTemplate(ForkServerContext):
    """A context of `multiprocessing`; the template starts at once, and imports in its own time.

    A process has one template, and it ends with that process.

    Parameters
    ----------
    modules
        To be imported. Of one that can't be imported the runs will say so.
    """

    Process = _RunProcess

    def __init__(self, modules: list[str]) -> None:
        super().__init__()
        self.set_forkserver_preload(modules)
        forkserver.ensure_running()
