"""A run inside a worker: executed once, interrupted when it is canceled, and nothing left of it."""

import logging
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import dagster as dg
from dagster._cli.api import _execute_run_command_body
from dagster._core.instance import DagsterInstance
from dagster._utils.interrupts import capture_interrupts

_SECONDS_BETWEEN_LOOKS = 1.0
_TO_BE_STOPPED = {
    dg.DagsterRunStatus.CANCELING,
    dg.DagsterRunStatus.CANCELED,
    dg.DagsterRunStatus.FAILURE,
}
_log = logging.getLogger(__name__)


def execute_run(run_id: str) -> str:
    """Execute a run that was launched, and return what became of it.

    A run that has begun is left alone: the broker delivers a task again whose worker it lost, and
    Dagster decides whether such a run is started again.
    """
    instance = _open_instance(os.getpid())
    run = instance.get_run_by_id(run_id)
    if run and run.status == dg.DagsterRunStatus.STARTING:
        _execute(instance, run_id)
    else:
        _log.warning("Run %s is not executed: it has begun, ended or been deleted.", run_id)
    run = instance.get_run_by_id(run_id)
    return run.status.value if run else "deleted"


@cache
def _open_instance(pid: int) -> DagsterInstance:  # noqa: ARG001
    """Return the one instance of this process, as other processes of Dagster have one.

    A forked process must not use its parent's. To open one takes a fifth of a request's time.
    """
    return DagsterInstance.get()


def _execute(instance: DagsterInstance, run_id: str) -> None:
    with _restored_process(), capture_interrupts(), _interrupted_if_stopped(instance, run_id):
        _execute_run_command_body(run_id, instance, lambda _: None, set_exit_code_on_failure=False)


@contextmanager
def _restored_process() -> Iterator[None]:
    """Restore what a run may have changed of its process: the next run is somebody else's."""
    environment, umask, folder = dict(os.environ), os.umask(0o077), os.getcwd()  # noqa: PTH109
    os.umask(umask)
    terminated = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(environment)
        os.umask(umask)
        os.chdir(folder)
        # Dagster handles it as an interrupt, which Celery's processes ignore between tasks.
        signal.signal(signal.SIGTERM, terminated)


@contextmanager
def _interrupted_if_stopped(instance: DagsterInstance, run_id: str) -> Iterator[None]:
    """Interrupt this process, as Ctrl-C does, when the run is canceled or reported as failed.

    The worker looks itself: that needs no broker, and no process of another machine that finds it.
    """
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(_SECONDS_BETWEEN_LOOKS):
            try:
                run = instance.get_run_by_id(run_id)
            except Exception as error:  # noqa: BLE001 - a database that is restarted comes back
                _log.warning("The status of run %s can't be read: %s", run_id, type(error).__name__)
                continue
            if run is None or run.status in _TO_BE_STOPPED:
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
                return

    thread = threading.Thread(target=watch, name="run-canceled", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
