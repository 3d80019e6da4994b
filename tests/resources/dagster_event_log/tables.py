"""The rows in the tables of storages, to be compared, and events to store."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import sqlalchemy as sa
from dagster._core.storage.event_log.schema import (
    AssetCheckExecutionsTable,
    AssetEventTagsTable,
    AssetKeyTable,
    SqlEventLogStorageTable,
)

from tests.instances import STOCK, opened
from tests.resources.dagster_event_log.graph import batches_of, run

Rows = dict[str, list[tuple[Any, ...]]]

# When a row was written, and what the Dagster UI caches in it.
_OF_THE_MOMENT = {"create_timestamp", "cached_status_data"}


def recorded(folder: Path) -> list[dg.EventLogEntry]:
    """Return the events of two runs that Dagster's own storage stored one by one.

    Between them are events reported by hand: a materialization, an observation, a check.
    """
    with batches_of(0), opened(folder, STOCK) as instance:
        first = run(instance)
        reported: list[Any] = [
            dg.AssetMaterialization("source", partition="B", tags={"dagster/data_version": "2"}),
            dg.AssetObservation("whole"),
            dg.AssetCheckEvaluation(
                asset_key=dg.AssetKey("source"), check_name="rows_are_many", passed=True
            ),
        ]
        for event in reported:
            instance.report_runless_asset_event(event)
        second = run(instance, bad=["C"])
        return [
            entry
            for run_id in (first.run_id, "", second.run_id)
            for entry in instance.all_logs(run_id)
        ]


def in_parts(events: Sequence[Any], *sizes: int) -> Iterator[Sequence[Any]]:
    """Yield the events in parts with these sizes, in turn."""
    begin, turn = 0, 0
    while begin < len(events):
        size = sizes[turn % len(sizes)]
        yield events[begin : begin + size]
        begin, turn = begin + size, turn + 1


def rows(connection: sa.Connection) -> Rows:
    """Return the rows of a database's tables of events."""
    tables = (
        SqlEventLogStorageTable,
        AssetKeyTable,
        AssetEventTagsTable,
        AssetCheckExecutionsTable,
    )
    return {table.name: _rows(connection, table) for table in tables}


def _rows(connection: sa.Connection, table: sa.Table) -> list[tuple[Any, ...]]:
    # A batch inserts the rows of assets by key; single events insert them as they come.
    unordered = {"id"} if table is AssetKeyTable else set()
    columns = [one for one in table.columns if one.name not in _OF_THE_MOMENT | unordered]
    found = connection.execute(sa.select(*columns).order_by(*columns[:1]))
    return [tuple(row) for row in found]
