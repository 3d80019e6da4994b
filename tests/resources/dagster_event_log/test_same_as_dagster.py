"""Both storages write the same rows as Dagster's own storages."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._core.storage.event_log.sqlite.consolidated_sqlite_event_log import (
    ConsolidatedSqliteEventLogStorage,
)
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster_postgres.event_log import PostgresEventLogStorage

from resources.dagster_event_log.postgres import BatchedPostgresEventLogStorage, set_driver
from resources.dagster_event_log.sqlite import BatchedSqliteEventLogStorage
from tests.postgres import fresh_database
from tests.resources.dagster_event_log.tables import Rows, in_parts, recorded, rows

Opener = Callable[[type[SqlEventLogStorage]], Any]


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> list[dg.EventLogEntry]:
    return recorded(tmp_path_factory.mktemp("recorded"))


@contextmanager
def _on_sqlite(folder: Path, cls: Callable[[str], Any]) -> Iterator[Any]:
    storage = cls(str(folder))
    yield storage
    storage.dispose()


@contextmanager
def _on_postgres(
    server: str, cls: type[PostgresEventLogStorage]
) -> Iterator[PostgresEventLogStorage]:
    with fresh_database(server, migrated=False) as url:
        storage = cls(set_driver(url.replace("+psycopg:", ":")))
        yield storage
        storage.dispose()


def _written(storage: SqlEventLogStorage, events: Sequence[dg.EventLogEntry]) -> dict[str, Rows]:
    """Return the rows of the index and of each run."""
    with storage.index_connection() as connection:
        written = {"index": rows(connection)}
    for run_id in {event.run_id for event in events}:
        with storage.run_connection(run_id) as connection:
            written[run_id] = rows(connection)
    return written


@pytest.mark.parametrize("sizes", [(1,), (3, 1, 7), (1000,)])
def test_sqlite_has_the_rows_of_dagsters_storage(
    events: list[dg.EventLogEntry], tmp_path: Path, sizes: tuple[int, ...]
):
    with _on_sqlite(tmp_path / "stock", ConsolidatedSqliteEventLogStorage) as stock:
        for event in events:
            stock.store_event(event)
        expected = _written(stock, events)
    with _on_sqlite(tmp_path / "ours", BatchedSqliteEventLogStorage) as ours:
        for part in in_parts(events, *sizes):
            ours.store_event_batch(part)
        assert _written(ours, events) == expected
    assert [path.name for path in (tmp_path / "ours").iterdir()] == ["index.db"]


def test_a_run_with_a_file_of_its_own_is_continued_there(
    events: list[dg.EventLogEntry], tmp_path: Path
):
    """It was begun by Dagster's default storage, or by an earlier version."""
    with _on_sqlite(tmp_path / "stock", SqliteEventLogStorage) as stock:
        for event in events:
            stock.store_event(event)
        expected = _written(stock, events)
    with _on_sqlite(tmp_path / "ours", SqliteEventLogStorage) as begun:
        begun.store_event(events[0])
        for run_id in {event.run_id for event in events}:
            with begun.run_connection(run_id):
                pass
    with _on_sqlite(tmp_path / "ours", BatchedSqliteEventLogStorage) as ours:
        ours.store_event_batch(events[1:])
        assert _written(ours, events) == expected


@pytest.mark.parametrize("sizes", [(1,), (3, 1, 7), (1000,)])
def test_postgres_has_the_rows_of_dagsters_storage(
    events: list[dg.EventLogEntry], server: str, sizes: tuple[int, ...]
):
    with _on_postgres(server, PostgresEventLogStorage) as stock:
        for event in events:
            stock.store_event(event)
        expected = _written(stock, events)
    with _on_postgres(server, BatchedPostgresEventLogStorage) as ours:
        for part in in_parts(events, *sizes):
            ours.store_event_batch(part)
        assert _written(ours, events) == expected


def test_the_compared_events_have_every_kind(events: list[dg.EventLogEntry]):
    kinds = {event.get_dagster_event().event_type for event in events if event.is_dagster_event}
    assert kinds >= {
        dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
        dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED,
        dg.DagsterEventType.ASSET_MATERIALIZATION,
        dg.DagsterEventType.ASSET_OBSERVATION,
        dg.DagsterEventType.ASSET_CHECK_EVALUATION,
        dg.DagsterEventType.RUN_START,
        dg.DagsterEventType.RUN_FAILURE,
        dg.DagsterEventType.STEP_FAILURE,
    }
    assert any(not event.is_dagster_event for event in events)
