"""Which partitions the Dagster UI shows as failed and as materialized.

Dagster says "failed" only of partitions that a failed run was to materialize, and "materialized"
of all that were ever materialized. Here the newest event of a partition decides:

- a partition whose materialization failed is failed, though its run went on with the others and
  succeeded, and though an earlier run materialized it. Steps report that by Dagster's own event
  for it, which only storages keep that say so;
- a partition that was materialized from another source of prices than that of the definitions is
  not materialized: nothing of their source exists.

The events are the only state: Dagster's cache of statuses is read and written as always, and what
is returned of it is corrected. All that the UI, automation conditions and `make retry` show or use
is read through it; `DagsterInstance.get_status_by_partition` is not.
"""

from collections.abc import Iterable, Sequence
from functools import cached_property

import dagster as dg
from dagster._core.definitions.data_version import DATA_VERSION_TAG
from dagster._core.definitions.partitions.context import partition_loading_context
from dagster._core.event_api import EventRecordsResult
from dagster._core.loader import LoadingContext
from dagster._core.storage.event_log.base import AssetRecord
from dagster._core.storage.partition_status_cache import AssetStatusCacheValue

from resources.dagster_event_log.planned_partitions import PlannedPartitionsStorage
from resources.dagster_event_log.versions import get_source, is_of_source

_FAILED = dg.DagsterEventType.ASSET_FAILED_TO_MATERIALIZE
_MADE = dg.DagsterEventType.ASSET_MATERIALIZATION

# SQLite allows a statement some ten thousand parameters, old versions 999.
_MOST_PARAMETERS = 500

Definitions = Iterable[tuple[dg.AssetKey, dg.PartitionsDefinition | None]]


class PartitionStatusStorage(PlannedPartitionsStorage):
    """The part of a storage that keeps failures of partitions, and corrects statuses."""

    @property
    def can_store_asset_failure_events(self) -> bool:
        """Whether failures of partitions are kept; Dagster drops them otherwise."""
        return True

    def fetch_failed_materializations(
        self,
        records_filter: dg.AssetKey | dg.AssetRecordsFilter,
        limit: int,
        cursor: str | None = None,
        ascending: bool = False,
    ) -> EventRecordsResult:
        """Return the failures of an asset's partitions, by default newest first."""
        if isinstance(records_filter, dg.AssetKey):
            records_filter = dg.AssetRecordsFilter(asset_key=records_filter)
        wanted = records_filter.to_event_records_filter(_FAILED, cursor, ascending)
        return self._get_event_records_result(wanted, limit, cursor, ascending)

    def get_asset_status_cache_values(
        self, partitions_defs_by_key: Definitions, context: LoadingContext
    ) -> Sequence[AssetStatusCacheValue | None]:
        """Return the statuses of the partitions of each asset."""
        asked = list(partitions_defs_by_key)
        known = super().get_asset_status_cache_values(asked, context)
        with partition_loading_context(None, self._instance):
            return [
                value and definition and self._correct(value, key, definition, context)
                for value, (key, definition) in zip(known, asked, strict=True)
            ]

    def _correct(
        self,
        value: AssetStatusCacheValue,
        key: dg.AssetKey,
        definition: dg.PartitionsDefinition,
        context: LoadingContext,
    ) -> AssetStatusCacheValue:
        failed, foreign = self._find_failed(key), self._find_foreign(key, context)
        if failed:
            known = value.deserialize_failed_partition_subsets(definition)
            more = known.with_partition_keys(definition.filter_valid_partition_keys(failed))
            value = value._replace(serialized_failed_partition_subset=more.serialize())
        if foreign:
            made = value.deserialize_materialized_partition_subsets(definition)
            valid = definition.filter_valid_partition_keys(foreign)
            left = made - definition.empty_subset().with_partition_keys(valid)
            value = value._replace(serialized_materialized_partition_subset=left.serialize())
        return value

    def _find_failed(self, key: dg.AssetKey) -> set[str]:
        """Return the partitions that failed and were not materialized since."""
        failures = self.get_latest_storage_id_by_partition(key, _FAILED)
        if not failures:
            return set()
        few = set(failures) if len(failures) <= _MOST_PARAMETERS else None
        made = self.get_latest_storage_id_by_partition(key, _MADE, partitions=few)
        return {one for one, number in failures.items() if number > made.get(one, 0)}

    def _find_foreign(self, key: dg.AssetKey, context: LoadingContext) -> set[str]:
        """Return the partitions whose newest materialization is of another source.

        What has no source, as a materialization that was reported by hand, is left alone.
        """
        graph = getattr(context, "asset_graph", None)
        version = graph.get(key).code_version if graph and graph.has(key) else None
        source = get_source(version or "")
        if source is None:
            return set()
        found = self._read_versions(key, context)
        return {one for one, made in found.items() if not is_of_source(made, source)}

    def _read_versions(self, key: dg.AssetKey, context: LoadingContext) -> dict[str, str]:
        """Return the data version of each partition's newest materialization."""
        record = AssetRecord.blocking_get(context, key)
        newest = record.asset_entry.last_materialization_storage_id if record else None
        # The UI asks every few seconds, and each answer reads all of an asset's history.
        known = self._known_versions.get(key)
        if known is None or known[0] != newest:
            tags = self.get_latest_tags_by_partition(key, _MADE, [DATA_VERSION_TAG])
            found = {one: of[DATA_VERSION_TAG] for one, of in tags.items()}
            known = self._known_versions[key] = newest, found
        return known[1]

    @cached_property
    def _known_versions(self) -> dict[dg.AssetKey, tuple[int | None, dict[str, str]]]:
        """What was read, by asset: its newest materialization then, and the versions."""
        return {}
