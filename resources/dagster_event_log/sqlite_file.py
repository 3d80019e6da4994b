"""The file of the events in SQLite: its layout, its space, and the changes that show new events."""

from typing import Any

import sqlalchemy as sa
from dagster._core.event_api import EventHandlerFn
from dagster._core.storage.event_log.sqlite.sqlite_event_log import (
    INDEX_SHARD_NAME,
    SqliteEventLogStorage,
    SqliteEventLogStorageWatchdog,
)
from watchdog.events import FileSystemEvent

PAGE_BYTES = 16384
"""An event of a partition has 0.8 to 2.6 kB: pages of 4 kB, the default, stay a quarter empty."""

_WAL_BYTES = 16_000_000
"""What a write-ahead log is cut to when it has been moved into the file."""

_PAGES_AT_ONCE = 500

_ROWS_PER_VALUE = {
    "idx_events_by_run_id": "1000000 3000 1",
    "idx_events_by_asset": "1000000 40000 20000 1",
    "idx_events_by_asset_partition": "1000000 40000 20000 100 1",
    "idx_event_type": "1000000 50000 1",
    "idx_step_key": "1000000 50000",
}
"""By index of the events: how many there are; how many of one value of its first column, ..."""


def lay_out(connection: Any, _record: Any) -> None:
    """Set how a new file is laid out; one that has tables keeps its layout.

    Parameters
    ----------
    connection
        A new connection of the module `sqlite3`.
    """
    connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute(f"PRAGMA journal_size_limit = {_WAL_BYTES}")


def describe_indexes(connection: sa.Connection) -> None:
    """Tell SQLite which index finds fewest events, if it was never told.

    It would read all events of a type to find those of one run. Its own count (ANALYZE) says the
    same of a file that has few runs.
    """
    table = "SELECT 1 FROM sqlite_master WHERE name = 'sqlite_stat1'"
    if connection.execute(sa.text(table)).first():
        return
    connection.execute(sa.text("ANALYZE sqlite_master"))
    rows = [{"index": name, "stat": stat} for name, stat in _ROWS_PER_VALUE.items()]
    insert = "INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('event_logs', :index, :stat)"
    connection.execute(sa.text(insert), rows)


def free_pages(connection: sa.Connection) -> bool:
    """Take some of the empty pages off the file; return whether there are more.

    None can be taken off a file that was not laid out by `lay_out`.
    """
    if not connection.execute(sa.text("PRAGMA auto_vacuum")).scalar():
        return False
    # Each step of the statement frees a page: `execute` takes one, since there are no rows.
    driver: Any = connection.connection.driver_connection
    driver.executescript(f"PRAGMA incremental_vacuum({_PAGES_AT_ONCE})")
    return bool(connection.execute(sa.text("PRAGMA freelist_count")).scalar())


class IndexWatchdog(SqliteEventLogStorageWatchdog):
    """Notices new events of a run in the file of all runs.

    They are in its write-ahead log first, and in the file when that is closed.
    """

    def __init__(
        self,
        storage: SqliteEventLogStorage,
        run_id: str,
        callback: EventHandlerFn,
        cursor: str | None,
    ) -> None:
        super().__init__(storage, run_id, callback, cursor)
        file = storage.path_for_shard(INDEX_SHARD_NAME)
        self._patterns = [file, f"{file}-wal"]

    def on_modified(self, event: FileSystemEvent) -> None:  # noqa: ARG002 - of Dagster
        """Call back with the events that were stored since."""
        self._process_log()
