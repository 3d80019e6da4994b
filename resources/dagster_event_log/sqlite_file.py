"""The file of the events in SQLite: its layout, its space, and the changes that show new events."""

from typing import Any

from dagster._core.event_api import EventHandlerFn
from dagster._core.storage.event_log.sqlite.sqlite_event_log import (
    INDEX_SHARD_NAME,
    SqliteEventLogStorage,
    SqliteEventLogStorageWatchdog,
)
from watchdog.events import FileSystemEvent

PAGE_BYTES = 8192
"""An event of a partition has 1.0 to 2.5 kB: pages of 4 kB, the default, stay a quarter empty."""

_WAL_BYTES = 16_000_000
"""What a write-ahead log is cut to when it has been moved into the file."""


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
