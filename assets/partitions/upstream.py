"""Which partitions of an asset are available to a step, read from Dagster's event log."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import dagster as dg
from dagster._core.definitions.data_version import DATA_VERSION_TAG

from resources.dagster_event_log.run_materializations import read_materializations
from resources.dagster_event_log.versions import is_of_source

_PAGE = 1000

# SQLite allows a statement some ten thousand parameters, old versions 999.
_RECORDS_PER_QUERY = 500


@dataclass(frozen=True)
class UpstreamPartition:
    """The materialization of a partition that a step used as input.

    `data_version` is as Dagster has it, with the source of prices.
    """

    run_id: str
    storage_id: int
    data_version: str


def is_part_of_this_run(
    context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext, key: dg.AssetKey
) -> bool:
    """Return whether this run materializes the asset `key`, or tries to."""
    return key in context.job_def.asset_layer.selected_asset_keys


def trace_lineage(context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext) -> list[str]:
    """Return this run and those that it re-executes, newest first."""
    run: dg.DagsterRun | None = context.run
    runs: list[str] = []
    while run:
        runs.append(run.run_id)
        parent = run.parent_run_id
        run = context.instance.get_run_by_id(parent) if parent else None
    return runs


def find_upstream(
    context: dg.AssetExecutionContext, key: dg.AssetKey, partitions: Sequence[str], source: str
) -> dict[str, UpstreamPartition]:
    """Return the materialization of each of `partitions` that is available.

    If the upstream asset `key` is part of this run, only what this run (or one that it
    re-executes) materialized counts: a partition that failed today is not replaced by yesterday's.
    Otherwise the newest materialization of each partition counts. One that was made from another
    source of prices than `source` is not available, nor replaced by an older one.
    """
    found: dict[str, UpstreamPartition] = {}
    for partition, made in _list_upstream(context, key, partitions):
        found.setdefault(partition, made)
        if len(found) == len(partitions):
            break
    return {key: made for key, made in found.items() if is_of_source(made.data_version, source)}


def _list_upstream(
    context: dg.AssetExecutionContext, key: dg.AssetKey, partitions: Sequence[str]
) -> Iterator[tuple[str, UpstreamPartition]]:
    """Yield the materializations that may count, newest first."""
    if is_part_of_this_run(context, key):
        wanted = set(partitions)
        made = read_materializations(context.instance, key, trace_lineage(context))
        for partition, run_id, storage_id, data_version in made:
            if partition in wanted:
                yield partition, UpstreamPartition(run_id, storage_id, data_version)
        return
    asked = dg.AssetRecordsFilter(asset_key=key, asset_partitions=partitions)
    for record in fetch_materializations(context.instance, asked):
        if record.partition_key:
            yield record.partition_key, _to_upstream(record)


def _to_upstream(record: dg.EventLogRecord) -> UpstreamPartition:
    event = record.asset_materialization
    # A partition that was reported by hand has no data version of ours.
    version = (event.tags or {}).get(DATA_VERSION_TAG, "") if event else ""
    return UpstreamPartition(record.run_id, record.storage_id, version)


def fetch_newest_by_partition(
    instance: dg.DagsterInstance, key: dg.AssetKey
) -> Iterator[dg.EventLogRecord]:
    """Yield the newest materialization of each partition of an asset, whatever its history."""
    event = dg.DagsterEventType.ASSET_MATERIALIZATION
    newest = instance.event_log_storage.get_latest_storage_id_by_partition(key, event)
    identifiers = iter(newest.values())
    while some := list(islice(identifiers, _RECORDS_PER_QUERY)):
        wanted = dg.AssetRecordsFilter(asset_key=key, storage_ids=some)
        yield from instance.fetch_materializations(wanted, limit=len(some)).records


def fetch_materializations(
    instance: dg.DagsterInstance, wanted: dg.AssetRecordsFilter, page_size: int = _PAGE
) -> Iterator[dg.EventLogRecord]:
    """Yield all materializations that match, newest first, page by page."""
    cursor, more = None, True
    while more:
        page = instance.fetch_materializations(wanted, limit=page_size, cursor=cursor)
        yield from page.records
        cursor, more = page.cursor, page.has_more
