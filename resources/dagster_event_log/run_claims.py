"""Runs are claimed by the process that executes them, whichever command started it.

Nothing in Dagster tells which process that is. But it is the one that stores a run's first events:
the message of a worker that the code server started, and the start of the run.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import dagster as dg
from dagster import DagsterEventType
from dagster._core.storage.event_log.base import EventLogStorage

from resources.run_processes.dead_runs import LAST_EVENTS, get_claims

_WORKER = "Started process for run (pid: {pid})"
_FIRST_EVENTS = {DagsterEventType.RUN_START, DagsterEventType.ENGINE_EVENT}


@contextmanager
def claimed(storage: EventLogStorage, events: Iterable[dg.EventLogEntry]) -> Iterator[None]:
    """Claim the runs that begin with these events; in the block they are stored.

    A claim is noted as no longer needed when the last event is stored.
    """
    if not storage.has_instance:
        yield
        return
    kinds = {(event.run_id, event.dagster_event_type): event for event in events}
    for (run_id, kind), event in kinds.items():
        if kind in _FIRST_EVENTS and _begins(event):
            get_claims(storage._instance).hold(run_id)
    yield
    for run_id, kind in kinds:
        if kind in LAST_EVENTS:
            get_claims(storage._instance).end(run_id)


def _begins(event: dg.EventLogEntry) -> bool:
    if event.dagster_event_type == DagsterEventType.RUN_START:
        return True
    return event.user_message.startswith(_WORKER.format(pid=os.getpid()))
