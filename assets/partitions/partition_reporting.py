"""Which partitions a step really made: said to Dagster truthfully, and asked of it again.

Left to itself, Dagster marks an asset that yields its output as materialized for every partition
of the run, all with one data version, and skips what is downstream of one that yields none. A
step says it better itself: one event for each partition that it made, with that partition's own
data version and the versions it was made from, none for the others, and downstream runs for the
good ones. That rests on a run tag of Dagster's own which its documentation does not mention; this
module is the only one that knows it, and its tests run real runs.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, cast

import dagster as dg
from dagster._core.definitions.data_version import (
    CODE_VERSION_TAG,
    DATA_VERSION_IS_USER_PROVIDED_TAG,
    DATA_VERSION_TAG,
    DEFAULT_DATA_VERSION,
    get_input_data_version_tag,
    get_input_event_pointer_tag,
)

from assets.partitions.event_batch import log_materializations

# dagster._core.storage.tags.EXTERNALLY_MANAGED_ASSETS_TAG: "the events of these assets are
# reported by somebody else". Spelled out, so that an upgrade that renames it turns a test red.
_REPORTED_BY_THE_STEP = "dagster/defer_asset_events"

_PAGE = 1000

# SQLite allows a statement some ten thousand parameters, old ones 999.
_RECORDS_A_QUESTION = 500


@dataclass(frozen=True)
class MaterializedPartition:
    """A partition that a step has made.

    Parameters
    ----------
    data_version
        Equal if and only if what was made is equal: what is downstream is stale when it changes.
    metadata
        What the UI shows of it.
    """

    data_version: str
    metadata: Mapping[str, Any]


@dataclass(frozen=True)
class UpstreamPartition:
    """The materialization of a partition that a step has worked from."""

    run_id: str
    storage_id: int
    data_version: str


# Older than any materialization: once there is one, what was made without it is stale.
_NOT_USED = UpstreamPartition(run_id="", storage_id=1, data_version=DEFAULT_DATA_VERSION.value)


def report_partitions(
    context: dg.AssetExecutionContext,
    made: Mapping[dg.AssetKey, Mapping[str, MaterializedPartition]],
    upstream: Mapping[dg.AssetKey, Mapping[str, UpstreamPartition]],
) -> Iterator[dg.MaterializeResult]:
    """Yield the outputs of a step such that exactly the partitions in `made` are materialized.

    Parameters
    ----------
    made
        What was made, by asset and partition; an asset without any is left unmarked altogether.
    upstream
        What it was made from, by upstream asset and partition, as `upstream_of` answers.
    """
    log_materializations(
        context,
        [
            dg.AssetMaterialization(
                key,
                partition=partition,
                metadata=one.metadata,
                tags=_versions(context, key, partition, one, upstream),
            )
            for key, partitions in made.items()
            for partition, one in partitions.items()
        ],
    )
    # In memory only, and no longer than the outputs take to be stored: the run's own record
    # never bears the tag, and the next step's events are Dagster's business again.
    tags = cast("dict[str, str]", context.run.tags)
    tags[_REPORTED_BY_THE_STEP] = "true"
    try:
        for key in made:
            yield dg.MaterializeResult(asset_key=key)
    finally:
        tags.pop(_REPORTED_BY_THE_STEP, None)


def _versions(
    context: dg.AssetExecutionContext,
    key: dg.AssetKey,
    partition: str,
    one: MaterializedPartition,
    upstream: Mapping[dg.AssetKey, Mapping[str, UpstreamPartition]],
) -> dict[str, str]:
    """Return the tags that Dagster attaches to events of its own, and judges staleness by."""
    tags = {
        CODE_VERSION_TAG: context.assets_def.code_versions_by_key.get(key) or context.run.run_id,
        DATA_VERSION_TAG: one.data_version,
        DATA_VERSION_IS_USER_PROVIDED_TAG: "true",
    }
    for parent in context.assets_def.asset_deps[key]:
        source = upstream.get(parent, {}).get(partition, _NOT_USED)
        tags[get_input_data_version_tag(parent)] = source.data_version
        tags[get_input_event_pointer_tag(parent)] = str(source.storage_id)
    return tags


def is_part_of_this_run(
    context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext, key: dg.AssetKey
) -> bool:
    """Return whether the asset `key` is made, or tried, by the same run."""
    return key in context.job_def.asset_layer.selected_asset_keys


def lineage(context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext) -> list[str]:
    """Return this run and those that it re-executes, one after the other, newest first."""
    run: dg.DagsterRun | None = context.run
    runs: list[str] = []
    while run:
        runs.append(run.run_id)
        parent = run.parent_run_id
        run = context.instance.get_run_by_id(parent) if parent else None
    return runs


def upstream_of(
    context: dg.AssetExecutionContext, key: dg.AssetKey, partitions: Sequence[str]
) -> dict[str, UpstreamPartition]:
    """Return, for each of `partitions` that is there to be used, its materialization.

    When the upstream asset `key` is part of this run, only what this run made counts (or the
    runs that it re-executes): a partition that failed today is not replaced by yesterday's.
    Otherwise the newest materialization of each partition counts.
    """
    found: dict[str, UpstreamPartition] = {}
    since, allowed = None, None
    if is_part_of_this_run(context, key):
        allowed = lineage(context)
        oldest = context.instance.get_run_record_by_id(allowed[-1])
        since = oldest.create_timestamp.timestamp() if oldest else None
    wanted = dg.AssetRecordsFilter(
        asset_key=key, asset_partitions=partitions, after_timestamp=since
    )
    for record in materializations(context.instance, wanted):
        if record.partition_key and (allowed is None or record.run_id in allowed):
            found.setdefault(record.partition_key, _upstream(record))
        if len(found) == len(partitions):
            break
    return found


def _upstream(record: dg.EventLogRecord) -> UpstreamPartition:
    event = record.asset_materialization
    # A partition that somebody reported by hand has no version of ours.
    version = (event.tags or {}).get(DATA_VERSION_TAG, "") if event else ""
    return UpstreamPartition(record.run_id, record.storage_id, version)


def newest_by_partition(
    instance: dg.DagsterInstance, key: dg.AssetKey
) -> Iterator[dg.EventLogRecord]:
    """Yield the newest materialization of each partition of an asset, however many came before."""
    event = dg.DagsterEventType.ASSET_MATERIALIZATION
    newest = instance.event_log_storage.get_latest_storage_id_by_partition(key, event)
    places = iter(newest.values())
    while some := list(islice(places, _RECORDS_A_QUESTION)):
        wanted = dg.AssetRecordsFilter(asset_key=key, storage_ids=some)
        yield from instance.fetch_materializations(wanted, limit=len(some)).records


def materializations(
    instance: dg.DagsterInstance, wanted: dg.AssetRecordsFilter
) -> Iterator[dg.EventLogRecord]:
    """Yield materializations, newest first, however many there are."""
    cursor, more = None, True
    while more:
        page = instance.fetch_materializations(wanted, limit=_PAGE, cursor=cursor)
        yield from page.records
        cursor, more = page.cursor, page.has_more
