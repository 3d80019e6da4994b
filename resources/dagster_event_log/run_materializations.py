"""What runs have materialized, without what the events say of it.

To read an event as Dagster does takes 0.3 ms: of 110 symbols and nine strategies 0.3 s.
"""

from collections.abc import Collection, Sequence
from typing import Any

import dagster as dg
from dagster._core.definitions.data_version import DATA_VERSION_TAG


def read_materializations(
    instance: dg.DagsterInstance, key: dg.AssetKey, run_ids: Collection[str]
) -> Sequence[tuple[str | None, str, int, str]]:
    """Return partition, run, identifier and data version of an asset's events, newest first.

    The data version is "" where there is none, as of one that was reported by hand.
    """
    # Loading the definitions needs neither: SQLAlchemy takes 0.35 s of CPU.
    import sqlalchemy as sa
    from dagster._core.storage.event_log.schema import AssetEventTagsTable, SqlEventLogStorageTable

    storage: Any = instance.event_log_storage
    events, tags = SqlEventLogStorageTable.c, AssetEventTagsTable.c
    of_event = (tags.event_id == events.id) & (tags.key == DATA_VERSION_TAG)
    query = (
        sa.select(events.partition, events.run_id, events.id, sa.func.coalesce(tags.value, ""))
        .outerjoin_from(SqlEventLogStorageTable, AssetEventTagsTable, of_event)
        .where(events.asset_key == key.to_string(), events.run_id.in_(run_ids))
        .where(events.dagster_event_type == dg.DagsterEventType.ASSET_MATERIALIZATION.value)
        .order_by(events.id.desc())
    )
    with storage.index_connection() as connection:
        return [(*row,) for row in connection.execute(query)]
