"""What the storages of this folder share: which events change which rows.

Both stand on internals of Dagster's own storages. Their tests compare, row by row, what Dagster
writes one event after the other with what they write at once, so that an upgrade which changes
those internals turns a test red.
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

BATCH_SIZE = 1000
"""Events stored at once, at most: 2 MB of JSON. Ten times as many are no faster."""

Stored = Sequence[tuple[int, dg.EventLogEntry]]
"""Events with the identifiers that the database gave them, in their order."""


def collect_batches() -> None:
    """Have Dagster collect events into batches, in this process and those that it starts.

    Dagster asks an environment variable, and collects nothing without it. The storages set it as
    they are opened: whatever writes events opens one, be it webserver, daemon, run worker or
    command line, and however it was started. A value that somebody has set is heeded.
    """
    os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", str(BATCH_SIZE))


def is_of_asset(event: dg.EventLogEntry) -> bool:
    """Return whether an event tells of an asset, as a rule changing its row."""
    return _type(event) in ASSET_EVENTS


def is_of_check(event: dg.EventLogEntry) -> bool:
    """Return whether an event changes the row of an execution of an asset check."""
    return _type(event) in ASSET_CHECK_EVENTS


def is_of_run_status(event: dg.EventLogEntry) -> bool:
    """Return whether an event says that a run has begun, ended or the like."""
    return _type(event) in EVENT_TYPE_TO_PIPELINE_RUN_STATUS


def _type(event: dg.EventLogEntry) -> dg.DagsterEventType | None:
    """Return an event's type; None for a message that somebody logged."""
    return event.dagster_event_type if event.is_dagster_event else None


def store_indexed(storage: SqlEventLogStorage, connection: sa.Connection, stored: Stored) -> None:
    """Write what Dagster keeps beside the events of assets and checks: tags, rows, executions.

    Parameters
    ----------
    connection
        In a transaction.
    """
    of_assets = [(number, event) for number, event in stored if is_of_asset(event)]
    if of_assets:
        numbers, events = zip(*of_assets, strict=True)
        storage._store_asset_event_tags(connection, events, numbers)
    for number, event in telling(of_assets):
        storage._store_asset_event(connection, event, number)
    for number, event in stored:
        if is_of_check(event):
            storage.store_asset_check_event(event, number)


def telling(of_assets: Stored) -> Stored:
    """Return the events without those whose change to their asset's row another one undoes.

    All events of one type change the same columns, so that the last of each type is enough. They
    are ordered by asset: two runs that lock the rows in one order never wait in a circle.
    """
    last: dict[tuple[str, str], tuple[int, dg.EventLogEntry]] = {}
    for number, event in of_assets:
        told = event.get_dagster_event()
        last[str(told.asset_key), told.event_type_value] = number, event
    # By asset, and an asset's in their order.
    places = sorted(last, key=lambda place: (place[0], last[place][0]))
    return [last[place] for place in places]
