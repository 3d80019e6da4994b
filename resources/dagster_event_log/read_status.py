"""The status of the partitions of all assets, as the Dagster UI shows it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import dagster as dg
from dagster._core.asset_graph_view.asset_graph_view import AssetGraphView
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph
from dagster._core.definitions.temporal_context import TemporalContext
from dagster._core.storage.partition_status_cache import AssetStatusCacheValue


@dataclass(frozen=True)
class PartitionStatus:
    """The partitions of an asset: each is in one of the sets."""

    materialized: frozenset[str]
    failed: frozenset[str]
    missing: frozenset[str]


def read_partition_status(
    instance: dg.DagsterInstance, graph: AssetGraph
) -> dict[dg.AssetKey, PartitionStatus]:
    """Return the status of each asset of a graph that is partitioned."""
    now = TemporalContext(effective_dt=datetime.now(UTC), last_event_id=None)
    view = AssetGraphView(temporal_context=now, instance=instance, asset_graph=graph)
    return dict(_read(view, graph))


def _read(view: AssetGraphView, graph: AssetGraph) -> Iterator[tuple[dg.AssetKey, PartitionStatus]]:
    for key in sorted(graph.materializable_asset_keys):
        definition = graph.get(key).partitions_def
        if definition is None:
            continue
        value = AssetStatusCacheValue.blocking_get(view, (key, definition))
        made, failed = frozenset[str](), frozenset[str]()
        if value is not None:
            subset = value.deserialize_materialized_partition_subsets(definition)
            made = frozenset(subset.get_partition_keys())
            subset = value.deserialize_failed_partition_subsets(definition)
            failed = frozenset(subset.get_partition_keys())
        every = frozenset(definition.get_partition_keys())
        yield key, PartitionStatus(made - failed, failed, every - made - failed)
