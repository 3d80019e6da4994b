"""A worker: a process that imported everything, and forks the processes that execute runs.

It never executes a run itself: a fork of a process that has executed one hangs. Of the processes
that it forks each executes one run at a time, and is replaced after some.
"""

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from celery import signals
from celery.platforms import EX_FAILURE, EX_OK
from celery.worker import state
from kombu.exceptions import ChannelError

from resources.celery_workers.app import TASK, get_queue
from resources.celery_workers.edition import Edition
from resources.celery_workers.execution import execute_run

if TYPE_CHECKING:
    from celery import Celery

_SECONDS_BETWEEN_LOOKS = 2.0
_log = logging.getLogger("celery.worker")


class Worker:
    """A worker of one edition.

    Parameters
    ----------
    app
        The app of the run launcher.
    edition
        What this process has loaded, and the code on disk.
    alive
        File that is written while the worker is connected to the broker, if any.
    """

    def __init__(self, app: "Celery", edition: Edition, alive: Path | None) -> None:
        self._app = app
        self._edition = edition
        self._alive = alive
        self._loaded = edition.compute()
        self._seen = edition.read_signature()
        self._on_disk = self._loaded
        self._was_ready = False
        self._wants_again = False
        self._told_to_end = False
        self.exit_code = EX_OK
        app.task(name=TASK)(execute_run)

    @property
    def starts_again(self) -> bool:
        """Whether runs wait for newer code, or Celery gave up what worked, and nobody ended it.

        Celery gives up when it finds its broker again just after a process of its own ended.
        """
        return self._wants_again and not self._told_to_end

    def run(self, processes: int, preload: Callable[[], None]) -> None:
        """Execute runs until the process is told to end, and bring those that have begun to an end.

        `starts_again` then says whether another is to take its place; `exit_code` is not 0 when it
        could not begin.
        """
        # Dagster's storages would report each time that they look at a revision.
        logging.getLogger("alembic").setLevel(logging.WARNING)
        preload()
        if self._edition.read_signature() != self._seen:  # edited while it was imported
            self._wants_again = True
            return
        # It may be told to end while it brings its runs to an end so as to start again.
        signals.worker_shutting_down.connect(self._note_told_to_end, weak=False)
        signals.worker_ready.connect(self._watch, weak=False)
        self._app.worker_main(
            [
                "worker",
                f"--concurrency={processes}",
                f"--queues={get_queue(self._loaded)}",
                f"--hostname=gauntlet-{os.getpid()}@%h",
                "--loglevel=INFO",
                *("--without-gossip", "--without-mingle", "--without-heartbeat"),
            ]
        )
        if not _is_ending():  # Celery gave up
            self._wants_again = self._was_ready
            self.exit_code = EX_FAILURE

    def _watch(self, sender: Any, **_: Any) -> None:
        _log.info("Edition %s", self._loaded)
        self._was_ready = True
        # First: a look that fails, as at a file that is being edited, is not the last one.
        sender.timer.call_repeatedly(_SECONDS_BETWEEN_LOOKS, self._look)
        self._look()

    def _note_told_to_end(self, **_: Any) -> None:
        self._told_to_end = True

    def _look(self) -> None:
        """Note that the broker is connected; end if runs wait for the edition on disk."""
        if self._alive:
            self._alive.touch()
        if _is_ending():  # its runs are brought to their end, whatever is on disk
            return
        if (signature := self._edition.read_signature()) != self._seen:
            self._seen, self._on_disk = signature, self._edition.compute()
        if self._on_disk != self._loaded and self._count_waiting(self._on_disk):
            _log.info("Runs wait for edition %s, which is on disk: starting again", self._on_disk)
            self._wants_again = True
            state.should_stop = EX_OK

    def _count_waiting(self, edition: str) -> int:
        with self._app.connection_for_read() as connection:
            try:
                queue = connection.default_channel.queue_declare(get_queue(edition), passive=True)
            except ChannelError:
                return 0
            return queue.message_count


def _is_ending() -> bool:
    """Return whether Celery takes no more runs: it was told to end, or asked for it itself."""
    return state.should_stop is not None or state.should_terminate is not None
