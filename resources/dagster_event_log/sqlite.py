"""Dagster's events in one SQLite file, one transaction per batch.

Dagster's own storage has a file per run, and ``index.db``, which repeats what is queried across
runs: nearly all of it. It opens, commits and closes a file three times per event, and each close
moves the write-ahead log into the file, which costs more than the event. Here all events are in
``index.db``, once, as Dagster's `ConsolidatedSqliteEventLogStorage` has them; a batch takes one
transaction, and the file stays open. A run that has a file of its own, from Dagster's storage or
an earlier version, is read there, and continued.
"""

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any

import dagster as dg
import sqlalchemy as sa
from dagster._core.event_api import EventHandlerFn
from dagster._core.storage.event_log.schema import AssetEventTagsTable, SqlEventLogStorageTable
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._core.storage.event_log.sqlite.sqlite_event_log import (
    INDEX_SHARD_NAME,
    SqliteEventLogStorage,
)
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._serdes import ConfigurableClassData
from sqlalchemy.event import listen
from watchdog.observers import Observer

from resources.dagster_event_log.batches import (
    enable_batching,
    is_asset_event,
    is_check_event,
    is_run_status_event,
    store_index_rows,
)
from resources.dagster_event_log.held_events import HeldEventsStorage
from resources.dagster_event_log.partition_status import PartitionStatusStorage
from resources.dagster_event_log.repeated_reads import RepeatedReadsStorage
from resources.dagster_event_log.run_claims import claimed
from resources.dagster_event_log.sqlite_file import (
    IndexWatchdog,
    describe_indexes,
    free_pages,
    lay_out,
)
from resources.files.private import create_private, create_private_file, tighten


class BatchedSqliteEventLogStorage(
    HeldEventsStorage, RepeatedReadsStorage, PartitionStatusStorage, SqliteEventLogStorage
):
    """The `event_log_storage` of dagster.yaml.

    Parameters
    ----------
    base_dir
        The folder of the files; ``<base_dir>/history/runs`` of Dagster's `storage: sqlite`.
    """

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        # For one thread at a time, which may request a file that it has open already.
        self._busy = threading.RLock()
        self._open: dict[str, sa.Connection] = {}
        self._index: sa.Engine | None = None
        self._tables: set[str] = set()
        self._indexes: set[str] = set()
        _make_private(Path(base_dir))
        super().__init__(base_dir, inst_data)
        enable_batching()

    @classmethod
    def from_config_value(  # pyright: ignore[reportIncompatibleMethodOverride]
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "BatchedSqliteEventLogStorage":
        """Return the storage that dagster.yaml describes."""
        return cls(inst_data=inst_data, **config_value)

    def store_event_batch(self, events: Sequence[dg.EventLogEntry]) -> None:
        """Store events in order: all of a run, or none."""
        with claimed(self, events):
            for run_id, of_run in groupby(events, key=lambda event: event.run_id):
                self._store(run_id, list(of_run))

    def _store(self, run_id: str, events: Sequence[dg.EventLogEntry]) -> None:
        if self._has_own_file(run_id):
            # It is committed before the index, which never knows more than the run's file.
            with self._connect(run_id) as run:
                run.execute(
                    SqlEventLogStorageTable.insert(), [self._event_to_row(one) for one in events]
                )
            events = [event for event in events if _is_indexed(event)]
            if not events:
                return
        with self.index_connection() as index:
            numbers = _insert(index, [self._event_to_row(event) for event in events])
            store_index_rows(self, index, list(zip(numbers, events, strict=True)))
        # Who watches is told of the write, and may look before the commit: tell it once more.
        os.utime(self.path_for_shard(INDEX_SHARD_NAME))

    def run_connection(self, run_id: str | None = None) -> AbstractContextManager[sa.Connection]:
        """Lend a connection to the file that has the events of a run."""
        if run_id is None or not self._has_own_file(run_id):
            run_id = INDEX_SHARD_NAME
        return self._connect(run_id)

    def _has_own_file(self, run_id: str) -> bool:
        return Path(self.path_for_shard(run_id)).exists()

    def get_event_records(
        self,
        event_records_filter: dg.EventRecordsFilter,
        limit: int | None = None,
        ascending: bool = False,
    ) -> Sequence[dg.EventLogRecord]:
        """Return events of a type across runs: all of them are in one file."""
        return SqlEventLogStorage.get_event_records(self, event_records_filter, limit, ascending)

    @property
    def is_run_sharded(self) -> bool:
        """Whether each run has a file of its own."""
        return False

    def watch(self, run_id: str, cursor: str | None, callback: EventHandlerFn) -> None:
        """Call back with each new event of a run, whichever process stores it."""
        if self._has_own_file(run_id):
            super().watch(run_id, cursor, callback)
            return
        if not self._obs:
            self._obs = Observer()
            self._obs.start()
        watchdog = IndexWatchdog(self, run_id, callback, cursor)
        watch = self._obs.schedule(watchdog, self._base_dir)
        self._watchers[run_id][callback] = watchdog, watch

    @contextmanager
    def _connect(self, shard: str) -> Iterator[sa.Connection]:
        """Lend a connection to a file in a transaction; a nested call gets the same one."""
        self._held.flush()
        with self._busy:
            if shard in self._open:
                yield self._open[shard]
                return
            engine = self._engine(shard)
            if shard not in self._initialized_dbs:
                create_private_file(Path(self.path_for_shard(shard)))
                # Dagster takes two connections for it; the index has one.
                self._initdb(self._new_engine(shard, sa.NullPool))
                if shard == INDEX_SHARD_NAME:
                    with engine.begin() as connection:
                        describe_indexes(connection)
                self._initialized_dbs.add(shard)
            with engine.begin() as connection:
                self._open[shard] = connection
                try:
                    yield connection
                finally:
                    del self._open[shard]

    def _initdb(self, engine: sa.Engine, for_index_shard: bool = False) -> None:
        # By the engine of Dagster's as well, which creates the file.
        listen(engine, "connect", lay_out)
        if not _is_laid_out(engine):
            super()._initdb(engine, for_index_shard)

    def _engine(self, shard: str) -> sa.Engine:
        if shard != INDEX_SHARD_NAME:
            return self._new_engine(shard, sa.NullPool)
        if self._index is None:
            self._index = self._new_engine(shard, sa.QueuePool, pool_size=1, max_overflow=0)
        return self._index

    def _new_engine(self, shard: str, pool: type[sa.Pool], **options: Any) -> sa.Engine:
        engine = sa.create_engine(
            self.conn_string_for_shard(shard),
            poolclass=pool,
            connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS},
            **options,
        )
        listen(engine, "connect", lay_out)
        return engine

    def delete_events(self, run_id: str) -> None:
        """Remove a run's events and its file, which Dagster would leave at its full size."""
        with self.index_connection() as index:
            self.delete_events_for_run(index, run_id)
        with self._busy:
            self._initialized_dbs.discard(run_id)
            file = self.path_for_shard(run_id)
            for path in (file, f"{file}-wal", f"{file}-shm"):
                Path(path).unlink(missing_ok=True)
        if self.supports_global_concurrency_limits:
            self.free_concurrency_slots_for_run(run_id)

    def give_back_space(self) -> None:
        """Give the space of removed events back to the disk, which reuses it otherwise.

        A file of an earlier version, or of Dagster's storage, keeps its size.
        """
        left = True
        while left:
            # Whoever stores events waits for one part of it, not for the whole.
            with self.index_connection() as index:
                left = free_pages(index)

    def delete_events_for_run(self, conn: sa.Connection, run_id: str) -> None:
        """Remove a run's events from a file.

        Dagster lists their identifiers in the statement, more than SQLite allows.
        """
        events, tags = SqlEventLogStorageTable, AssetEventTagsTable
        of_run = sa.select(events.c.id).where(events.c.run_id == run_id)
        conn.execute(tags.delete().where(tags.c.event_id.in_(of_run)))
        conn.execute(events.delete().where(events.c.run_id == run_id))

    def has_table(self, table_name: str) -> bool:
        """Return whether a table exists; the answer is kept once it does."""
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    def has_secondary_index(self, name: str) -> bool:
        """Return whether a data migration is done; the answer is kept once it is."""
        if name not in self._indexes and super().has_secondary_index(name):
            self._indexes.add(name)
        return name in self._indexes

    def dispose(self) -> None:
        """Close the index; it is opened again when needed."""
        super().dispose()
        if self._index is not None:
            self._index.dispose()


def _is_laid_out(engine: sa.Engine) -> bool:
    """Return whether Dagster has made a file's tables: that it notes the version is the last of it.

    Dagster would read its 88 migrations to find out, for 30 ms of CPU in each process.
    """
    with engine.connect() as connection:
        if not connection.dialect.has_table(connection, "alembic_version"):
            return False
        count = sa.text("SELECT count(*) FROM alembic_version")
        return bool(connection.execute(count).scalar_one())


def _make_private(folder: Path) -> None:
    """Make the folder of the events private, and Dagster's own database of runs above it.

    Run config, which that one has, and events may have a password that somebody typed.
    """
    create_private(folder)
    for parent in folder.absolute().parents:
        if parent.name == ".data":
            tighten(parent)
    runs = folder.parent / "runs.db"
    if runs.exists():
        create_private_file(runs)


def _is_indexed(event: dg.EventLogEntry) -> bool:
    """Return whether Dagster keeps an event in the index as well."""
    return is_asset_event(event) or is_check_event(event) or is_run_status_event(event)


def _insert(connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> range:
    """Insert events and return their identifiers.

    The file has one writer at a time, so that the identifiers are consecutive.
    """
    connection.execute(SqlEventLogStorageTable.insert(), rows)
    last = connection.execute(sa.text("SELECT last_insert_rowid()")).scalar_one()
    return range(last - len(rows) + 1, last + 1)
