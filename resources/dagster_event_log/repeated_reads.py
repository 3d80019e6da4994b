"""The same question, asked again of a file in which nothing has changed, has the same answer.

For each check of a step Dagster reads which materialization the check is about: 121 times in a run
of one symbol, 12 of which differ.
"""

from collections.abc import Sequence
from typing import Any

import dagster as dg
import sqlalchemy as sa
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage


class RepeatedReadsStorage(SqlEventLogStorage):
    """The part of a storage in one SQLite file that remembers its last read of a single event."""

    _last: tuple[object, Sequence[dg.EventLogRecord]] = None, ()

    def _get_event_records(
        self,
        event_records_filter: dg.EventRecordsFilter,
        limit: int | None = None,
        ascending: bool = False,
    ) -> Sequence[dg.EventLogRecord]:
        if limit != 1:
            return super()._get_event_records(event_records_filter, limit, ascending)
        with self.index_connection() as index:
            # Before the read: what is written in between makes the next question another one.
            state = _describe_state(index)
        asked = event_records_filter, ascending, state
        if state is None or self._last[0] != asked:
            read = super()._get_event_records(event_records_filter, limit, ascending)
            self._last = asked, read
        return self._last[1]


def _describe_state(index: sa.Connection) -> tuple[int, int, int] | None:
    """Return what changes with every write to the file, by this connection or by any other.

    The version counts the commits of others, as this one sees them, and the changes are its own.
    None within a transaction: what it has written so far may yet be rolled back, uncounted.
    """
    own: Any = index.connection.driver_connection
    if own.in_transaction:
        return None
    (version,) = own.execute("PRAGMA data_version").fetchone()
    return id(own), own.total_changes, version
