"""What a step says of its checks and outputs is stored with what it says next.

Dagster stores such events one by one, each in transactions of its own: 240 of the 290 that a run of
one symbol takes. Here they wait until something else is stored or anything is read by this process;
since a step ends with an event of another kind, all are there before the next step, and in order. A
process that is killed loses what the step that it was in has checked: that step is executed again.
"""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property

import dagster as dg
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage

from resources.dagster_event_log.batches import BATCH_SIZE, BATCH_SIZE_VARIABLE

KINDS = {dg.DagsterEventType.ASSET_CHECK_EVALUATION, dg.DagsterEventType.STEP_OUTPUT}


class HeldEventsStorage(SqlEventLogStorage):
    """The part of a storage that holds events back; it flushes them where it lends a connection."""

    def store_event(self, event: dg.EventLogEntry) -> None:
        """Store one event, or hold it back."""
        if not self._held.hold(event):
            self.store_event_batch([event])

    @cached_property
    def _held(self) -> "HeldEvents":
        return HeldEvents(self.store_event_batch)

    def _get_event_records(
        self,
        event_records_filter: dg.EventRecordsFilter,
        limit: int | None = None,
        ascending: bool = False,
    ) -> Sequence[dg.EventLogRecord]:
        # For each check Dagster reads which materialization it is about: no reason to store.
        with self._held.waiting(event_records_filter.event_type not in KINDS):
            return super()._get_event_records(event_records_filter, limit, ascending)


class HeldEvents:
    """Events that wait to be stored together.

    Parameters
    ----------
    store
        Stores events in order. If it fails they are stored again one by one, as Dagster does with a
        batch of its own: on PostgreSQL some of them may then be there twice.
    """

    def __init__(self, store: Callable[[Sequence[dg.EventLogEntry]], None]) -> None:
        self._store = store
        self._events: list[dg.EventLogEntry] = []
        self._lock = threading.Lock()
        self._here = threading.local()

    @contextmanager
    def waiting(self, wait: bool) -> Iterator[None]:
        """In the block, in this thread, `flush` stores nothing if `wait` is true."""
        before, self._here.wait = getattr(self._here, "wait", False), wait
        try:
            yield
        finally:
            self._here.wait = before

    def hold(self, event: dg.EventLogEntry) -> bool:
        """Hold an event back; return False if it is none of those, and is to be stored now."""
        # One that is reported by hand has no step, and nothing need follow it.
        if event.dagster_event_type not in KINDS or not event.step_key or _get_size() <= 1:
            return False
        with self._lock:
            self._events.append(event)
            full = len(self._events) >= _get_size()
        if full:
            self.flush()
        return True

    def flush(self) -> None:
        """Store what is held; if that fails as a whole, what can be stored by itself.

        Raises
        ------
        Exception
            The first that an event by itself raised.
        """
        if getattr(self._here, "wait", False):
            return
        with self._lock:
            events, self._events = self._events, []
        if not events:
            return
        try:
            self._store(events)
        except Exception:  # noqa: BLE001 - of the database, which Dagster tries again as well
            failures = [error for event in events if (error := self._try(event))]
            if failures:
                raise failures[0] from None

    def _try(self, event: dg.EventLogEntry) -> Exception | None:
        try:
            self._store([event])
        except Exception as error:  # noqa: BLE001 - the caller raises it
            return error
        return None


def _get_size() -> int:
    return int(os.environ.get(BATCH_SIZE_VARIABLE, BATCH_SIZE))
