"""Which partitions a step really made: said to Dagster truthfully, and asked of it again.

Dagster marks an asset that yields its output as materialized for every partition of the run,
and skips what is downstream of one that yields none. A step in which some symbols failed needs
a third way: mark the partitions that succeeded, leave the others unmarked, and let downstream
run for the good ones. That way rests on a run tag of Dagster's own which its documentation does
not mention; this module is the only one that knows it, and its tests run real runs.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import dagster as dg

# dagster._core.storage.tags.EXTERNALLY_MANAGED_ASSETS_TAG: "the events of these assets are
# reported by somebody else". Spelled out, so that an upgrade that renames it turns a test red.
_REPORTED_BY_THE_STEP = "dagster/defer_asset_events"

_PAGE = 1000


def report_partitions(
    context: dg.AssetExecutionContext,
    made: Mapping[dg.AssetKey, Mapping[str, Mapping[str, Any]]],
) -> Iterator[dg.MaterializeResult]:
    """Yield the outputs of a step such that exactly the partitions in `made` are materialized.

    Parameters
    ----------
    made
        Metadata of each partition that succeeded, by asset and partition; an asset without any
        is left unmarked altogether.
    """
    requested = set(context.partition_keys)
    if all(set(partitions) == requested for partitions in made.values()):
        yield from _report_all(context, made)
    else:
        yield from _report_some(context, made)


def _report_all(
    context: dg.AssetExecutionContext,
    made: Mapping[dg.AssetKey, Mapping[str, Mapping[str, Any]]],
) -> Iterator[dg.MaterializeResult]:
    for key, partitions in made.items():
        for partition, metadata in partitions.items():
            context.add_asset_metadata(metadata, asset_key=key, partition_key=partition)
        yield dg.MaterializeResult(asset_key=key)


def _report_some(
    context: dg.AssetExecutionContext,
    made: Mapping[dg.AssetKey, Mapping[str, Mapping[str, Any]]],
) -> Iterator[dg.MaterializeResult]:
    for key, partitions in made.items():
        # Dagster attaches the code version only to events that it makes itself.
        version = context.assets_def.code_versions_by_key.get(key)
        version_tags = {"dagster/code_version": version} if version else None
        for partition, metadata in partitions.items():
            context.log_event(
                dg.AssetMaterialization(
                    key, partition=partition, metadata=metadata, tags=version_tags
                )
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


def runs_that_made(
    context: dg.AssetExecutionContext, key: dg.AssetKey, partitions: Sequence[str]
) -> dict[str, str]:
    """Return, for each of `partitions` that is there to be used, the run that made it.

    When the upstream asset `key` is part of this run, only what this run made counts (or the
    runs that it re-executes): a partition that failed today is not replaced by yesterday's.
    Otherwise the newest materialization of each partition counts.
    """
    runs: dict[str, str] = {}
    since, allowed = None, None
    if is_part_of_this_run(context, key):
        allowed = lineage(context)
        oldest = context.instance.get_run_record_by_id(allowed[-1])
        since = oldest.create_timestamp.timestamp() if oldest else None
    wanted = dg.AssetRecordsFilter(
        asset_key=key, asset_partitions=partitions, after_timestamp=since
    )
    for record in _materializations(context.instance, wanted):
        if record.partition_key and (allowed is None or record.run_id in allowed):
            runs.setdefault(record.partition_key, record.run_id)
        if len(runs) == len(partitions):
            break
    return runs


def _materializations(
    instance: dg.DagsterInstance, wanted: dg.AssetRecordsFilter
) -> Iterator[dg.EventLogRecord]:
    """Yield materializations, newest first."""
    cursor, more = None, True
    while more:
        page = instance.fetch_materializations(wanted, limit=_PAGE, cursor=cursor)
        yield from page.records
        cursor, more = page.cursor, page.has_more
