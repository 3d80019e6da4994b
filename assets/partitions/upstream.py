"""Which partitions of an asset are available to a step, read from Dagster's event log."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import dagster as dg
from dagster._core.definitions.data_version import DATA_VERSION_TAG

from resources.dagster_event_log.run_materializations import read_materializations
from resources.dagster_event_log.versions import is_of_source

_MADE = dg.DagsterEventType.ASSET_MATERIALIZATION
_FAILED = dg.DagsterEventType.ASSET_FAILED_TO_MATERIALIZE

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


def trace_lineage(
    context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext, key: dg.AssetKey
) -> list[str]:
    """Return the runs whose results of an asset of this run count as this run's, newest first.

    They are this run and those that it re-executes, up to the first that executed the step of the
    asset `key`: what failed there is not replaced by what a run before it made.
    """
    step = str(context.job_def.asset_layer.get_op_output_handle(key).node_handle)
    run: dg.DagsterRun | None = context.run
    runs: list[str] = []
    while run:
        runs.append(run.run_id)
        if run.step_keys_to_execute is None or step in run.step_keys_to_execute:
            break
        parent = run.parent_run_id
        run = context.instance.get_run_by_id(parent) if parent else None
    return runs


def find_upstream(
    context: dg.AssetExecutionContext, key: dg.AssetKey, partitions: Sequence[str], source: str
) -> dict[str, UpstreamPartition]:
    """Return the materialization of each of `partitions` that is available.

    If the upstream asset `key` is part of this run, only what this run materialized counts, or the
    run that it re-executes without the step of `key`: a partition that failed today is not replaced
    by yesterday's. Otherwise the newest materialization of each partition counts. One that was made
    from another source of prices than `source` is not available, nor replaced by an older one.
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
        made = read_materializations(context.instance, key, trace_lineage(context, key))
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
    newest = instance.event_log_storage.get_latest_storage_id_by_partition(key, _MADE)
    for wanted in _ask_for(key, newest.values()):
        yield from instance.fetch_materializations(wanted, limit=_RECORDS_PER_QUERY).records


def fetch_failed_partitions(
    instance: dg.DagsterInstance, key: dg.AssetKey
) -> Iterator[dg.EventLogRecord]:
    """Yield the newest failure of each partition of an asset that was not materialized since.

    Dagster's own storages keep no failures.
    """
    storage = instance.event_log_storage
    made = storage.get_latest_storage_id_by_partition(key, _MADE)
    failed = storage.get_latest_storage_id_by_partition(key, _FAILED)
    newest = [number for one, number in failed.items() if number > made.get(one, 0)]
    for wanted in _ask_for(key, newest):
        yield from storage.fetch_failed_materializations(wanted, _RECORDS_PER_QUERY).records


def _ask_for(key: dg.AssetKey, storage_ids: Iterable[int]) -> Iterator[dg.AssetRecordsFilter]:
    """Yield filters that together match the events of an asset with some identifiers."""
    left = iter(storage_ids)
    while some := list(islice(left, _RECORDS_PER_QUERY)):
        yield dg.AssetRecordsFilter(asset_key=key, storage_ids=some)


def fetch_materializations(
    instance: dg.DagsterInstance, wanted: dg.AssetRecordsFilter, page_size: int = _PAGE
) -> Iterator[dg.EventLogRecord]:
    """Yield all materializations that match, newest first, page by page."""
    cursor, more = None, True
    while more:
        page = instance.fetch_materializations(wanted, limit=page_size, cursor=cursor)
        yield from page.records
        cursor, more = page.cursor, page.has_more
