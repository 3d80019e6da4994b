"""A run plans the partitions of an asset by one event, not by one for each of them.

Dagster stores an event per asset and partition when it creates a run: 1,500 for 110 symbols, a
fifth of what a night adds. It can store one that names the partitions instead, but its own
storages then don't know which partitions are in progress, which of them a run that broke off never
reached, and which run is a partition's latest. Here both kinds of events are read.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import dagster as dg
import sqlalchemy as sa
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log.base import PlannedMaterializationInfo
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._serdes import deserialize_value

_PLANNED = dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED
_MADE = dg.DagsterEventType.ASSET_MATERIALIZATION


@dataclass(frozen=True)
class _Plan:
    """What a run planned of an asset, by one event."""

    number: int
    run_id: str
    partitions: frozenset[str]


class PlannedPartitionsStorage(SqlEventLogStorage):
    """The part of a storage that reads which partitions were planned."""

    @property
    def supports_partition_subset_in_asset_materialization_planned_events(self) -> bool:
        """Whether one event names all partitions that a run plans of an asset."""
        return True

    def get_latest_asset_partition_materialization_attempts_without_materializations(
        self, asset_key: dg.AssetKey, after_storage_id: int | None = None
    ) -> Mapping[str, tuple[str, int]]:
        """Return the newest attempt of each partition that was not materialized since.

        An attempt is the run that planned it and the identifier of the event.
        """
        found = dict(
            super().get_latest_asset_partition_materialization_attempts_without_materializations(
                asset_key, after_storage_id
            )
        )
        made = self.get_latest_storage_id_by_partition(
            asset_key, _MADE, after_cursor=after_storage_id
        )
        for plan in self._read_plans(asset_key, after_storage_id):
            for one in plan.partitions:
                if plan.number > max(made.get(one, 0), found.get(one, ("", 0))[1]):
                    found[one] = plan.run_id, plan.number
        return found

    def get_latest_storage_id_by_partition(
        self,
        asset_key: dg.AssetKey,
        event_type: dg.DagsterEventType,
        partitions: set[str] | None = None,
        after_cursor: int | None = None,
    ) -> Mapping[str, int]:
        """Return the identifier of the newest event of a type about each partition."""
        known = super().get_latest_storage_id_by_partition(
            asset_key, event_type, partitions, after_cursor
        )
        if event_type != _PLANNED:
            return known
        found = dict(known)
        for plan in self._read_plans(asset_key, after_cursor):
            for one in plan.partitions & partitions if partitions else plan.partitions:
                found[one] = max(plan.number, found.get(one, 0))
        return found

    def get_latest_planned_materialization_info(
        self, asset_key: dg.AssetKey, partition: str | None = None
    ) -> PlannedMaterializationInfo | None:
        """Return the newest event that planned an asset, or a partition of it, and its run."""
        found = super().get_latest_planned_materialization_info(asset_key, partition)
        if partition is None:
            return found
        for plan in self._read_plans(asset_key, found.storage_id if found else None):
            if partition in plan.partitions:
                return PlannedMaterializationInfo(storage_id=plan.number, run_id=plan.run_id)
        return found

    def _read_plans(self, key: dg.AssetKey, after: int | None) -> Iterator[_Plan]:
        """Yield what was planned after an event and was not wiped since, newest first."""
        of = SqlEventLogStorageTable.c
        query = (
            sa.select(of.id, of.event)
            .where(of.asset_key == key.to_string(), of.partition.is_(None))
            .where(of.dagster_event_type == _PLANNED.value, of.id > (after or 0))
            .order_by(of.id.desc())
        )
        query = self._add_assets_wipe_filter_to_query(query, self._get_assets_details([key]), [key])
        with self.index_connection() as connection:
            rows = [(*row,) for row in connection.execute(query)]
        for number, text in rows:
            entry = deserialize_value(text, EventLogEntry)
            planned = entry.get_dagster_event().asset_materialization_planned_data
            # It is of a whole asset that has no partitions.
            if planned.partitions_subset is not None:
                partitions = frozenset(planned.partitions_subset.get_partition_keys())
                yield _Plan(number, entry.run_id, partitions)
