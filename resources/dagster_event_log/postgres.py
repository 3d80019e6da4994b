"""Dagster's events in PostgreSQL, one statement per batch.

The tables are those of dagster-postgres (the extra ``postgres``), whose storage batches only
materializations, and opens a connection for each event. As there, events are committed first and
the rows derived from them in a second transaction: a reader that goes by identifiers would miss
events that are committed long after they got theirs.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import dagster as dg
import sqlalchemy as sa
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._serdes import ConfigurableClassData
from dagster_postgres.event_log import PostgresEventLogStorage
from dagster_postgres.utils import (
    create_pg_engine,
    get_token_provider_from_config,
    pg_url_from_config,
)

from resources.dagster_event_log.batches import enable_batching, store_index_rows
from resources.dagster_event_log.held_events import HeldEventsStorage
from resources.dagster_event_log.partition_status import PartitionStatusStorage
from resources.dagster_event_log.run_claims import claimed

_HELD = 1
_MORE = 9
"""Connections that a process keeps, and those that its threads may open briefly."""


class BatchedPostgresEventLogStorage(
    HeldEventsStorage, PartitionStatusStorage, PostgresEventLogStorage
):
    """The `event_log_storage` of a dagster.yaml; configured like that of dagster-postgres."""

    def __init__(self, postgres_url: str, *arguments: Any, **options: Any) -> None:
        super().__init__(set_driver(postgres_url), *arguments, **options)
        # A connection costs ten times as much as an event. One that a restart of the server has
        # closed is replaced silently.
        self._engine = create_pg_engine(
            self.postgres_url,
            self._token_provider,
            isolation_level="AUTOCOMMIT",
            pool_size=_HELD,
            max_overflow=_MORE,
            pool_pre_ping=True,
        )
        enable_batching()

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "BatchedPostgresEventLogStorage":
        """Return the storage that dagster.yaml describes."""
        return cls(
            pg_url_from_config(config_value),
            should_autocreate_tables=config_value.get("should_autocreate_tables", True),
            inst_data=inst_data,
            token_provider=get_token_provider_from_config(config_value),
        )

    def store_event_batch(self, events: Sequence[dg.EventLogEntry]) -> None:
        """Store events in order."""
        with claimed(self, events):
            numbers = self._insert([self._event_to_row(event) for event in events])
            with self.index_transaction() as connection:
                store_index_rows(self, connection, list(zip(numbers, events, strict=True)))

    def _insert(self, rows: Sequence[Mapping[str, Any]]) -> Sequence[int]:
        statement = SqlEventLogStorageTable.insert().returning(
            SqlEventLogStorageTable.c.id, sort_by_parameter_order=True
        )
        with self._connect() as connection:
            return connection.execute(statement, rows).scalars().all()

    def _connect(self) -> AbstractContextManager[sa.Connection]:
        self._held.flush()
        return super()._connect()

    def dispose(self) -> None:
        """Close the connections; they are opened again when needed."""
        super().dispose()
        self._engine.dispose()


def set_driver(url: str) -> str:
    """Return a URL with the driver psycopg2, which dagster-postgres is written for.

    For a URL without a driver SQLAlchemy 2.1 uses psycopg 3.
    """
    parsed = sa.make_url(url)
    if parsed.drivername in ("postgresql", "postgres"):
        parsed = parsed.set(drivername="postgresql+psycopg2")
    return parsed.render_as_string(hide_password=False)
