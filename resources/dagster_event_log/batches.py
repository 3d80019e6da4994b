"""What both storages share: which events change which rows.

Both rely on internals of Dagster's own storages. Their tests compare, row by row, what Dagster
writes event by event with what they write in batches, so that an upgrade which changes those
internals fails a test.
"""

import os
from collections.abc import Sequence

import dagster as dg
import sqlalchemy as sa
from dagster._core.events import (
    ASSET_CHECK_EVENTS,
    ASSET_EVENTS,
    EVENT_TYPE_TO_PIPELINE_RUN_STATUS,
)
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage

BATCH_SIZE_VARIABLE = "DAGSTER_EVENT_BATCH_SIZE"
BATCH_SIZE = 1000
"""The largest batch of events: 2 MB of JSON. Batches ten times as large are no faster."""

Stored = Sequence[tuple[int, dg.EventLogEntry]]
"""Events with the identifiers that the database gave them, in order."""


def enable_batching() -> None:
    """Make Dagster collect events into batches, in this process and those that it starts.

    Dagster reads an environment variable, and collects nothing without it. The storages set it
    when they are opened, because everything that writes events opens one: webserver, daemon, run
    worker and command line, however they were started. A value that is set already is kept.
    """
    os.environ.setdefault(BATCH_SIZE_VARIABLE, str(BATCH_SIZE))


def is_asset_event(event: dg.EventLogEntry) -> bool:
    """Return whether an event is about an asset; most of them change its row."""
    return _get_type(event) in ASSET_EVENTS


def is_check_event(event: dg.EventLogEntry) -> bool:
    """Return whether an event changes the row of an execution of an asset check."""
    return _get_type(event) in ASSET_CHECK_EVENTS


def is_run_status_event(event: dg.EventLogEntry) -> bool:
    """Return whether an event changes the status of a run."""
    return _get_type(event) in EVENT_TYPE_TO_PIPELINE_RUN_STATUS


def _get_type(event: dg.EventLogEntry) -> dg.DagsterEventType | None:
    """Return an event's type; None for a log message."""
    return event.dagster_event_type if event.is_dagster_event else None


def store_index_rows(
    storage: SqlEventLogStorage, connection: sa.Connection, stored: Stored
) -> None:
    """Write the rows that Dagster derives from events: tags, assets, executions of checks.

    Parameters
    ----------
    connection
        In a transaction.
    """
    of_assets = [(number, event) for number, event in stored if is_asset_event(event)]
    if of_assets:
        numbers, events = zip(*of_assets, strict=True)
        storage._store_asset_event_tags(connection, events, numbers)
    for number, event in keep_last_events(of_assets):
        storage._store_asset_event(connection, event, number)
    for number, event in stored:
        if is_check_event(event):
            storage.store_asset_check_event(event, number)


def keep_last_events(of_assets: Stored) -> Stored:
    """Return the last event of each type per asset: it overwrites what those before it changed.

    All events of one type change the same columns of the asset's row. The events are ordered by
    asset: two runs that lock rows in the same order can't deadlock.
    """
    last: dict[tuple[str, str], tuple[int, dg.EventLogEntry]] = {}
    for number, event in of_assets:
        dagster_event = event.get_dagster_event()
        place = str(dagster_event.asset_key), dagster_event.event_type_value
        last[place] = number, event
    # By asset, and in their order within an asset.
    places = sorted(last, key=lambda place: (place[0], last[place][0]))
    return [last[place] for place in places]
