"""New symbols and results of changed code are brought up to date automatically, and nothing else.

Two sensors, stopped until a user starts them. `new_symbol` requests the whole graph for symbols
of the universe that no run has ever tried; `stale_results` requests the symbols that another code
version of an asset materialized, with everything downstream. Each requests once: what fails then
is left to `retry_failed`, and to people. The requests have the window and settings of the newest
leaderboard, so that their results belong to it: after a `nightly`, a window that ends today.

Dagster's own automation conditions can't tell a new symbol from one that failed in a run that went
on without it: both are missing.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg
from dagster import DagsterEventType
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph
from dagster._core.definitions.data_version import CODE_VERSION_TAG
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from assets.asset_keys import LEADERBOARD_KEY, PRICES_KEY
from assets.partitions.upstream import fetch_newest_by_partition
from pipelines.partitions import build_partition_tags, find_contiguous_ranges, select_partition_tags
from resources.config.run_purpose import select_purpose_tag

NEW_SYMBOL = "new_symbol"
STALE_RESULTS = "stale_results"
"""The names of the jobs and of their sensors."""

_INTERVAL = 60
_UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def build_automation_jobs() -> list[UnresolvedAssetJobDefinition]:
    """Return the jobs that the sensors launch."""
    return [
        dg.define_asset_job(
            NEW_SYMBOL,
            selection=dg.AssetSelection.all(),
            description="The whole graph for new symbols.",
        ),
        dg.define_asset_job(
            STALE_RESULTS,
            selection=dg.AssetSelection.all(),
            description="Assets whose code has changed, and what is downstream of them.",
        ),
    ]


def build_automation_sensors(universe: Sequence[str]) -> list[dg.SensorDefinition]:
    """Return the sensors for the symbols of a universe."""

    @dg.sensor(
        name=NEW_SYMBOL,
        job_name=NEW_SYMBOL,
        minimum_interval_seconds=_INTERVAL,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description="Runs the whole graph for symbols that no run has ever tried. A symbol counts "
        "once the code location has been reloaded with it. Stopped until you start it.",
    )
    def new_symbol(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        new = _find_untried(context.instance, universe)
        if not new:
            return dg.SensorResult(skip_reason="Every symbol of the universe has been tried.")
        ranges = find_contiguous_ranges(universe, new)
        run_config, purpose = _get_settings(context.instance)
        requests = [
            dg.RunRequest(tags={**build_partition_tags(*ends), **purpose}, run_config=run_config)
            for ends in ranges
        ]
        return dg.SensorResult(requests)

    @dg.sensor(
        name=STALE_RESULTS,
        job_name=STALE_RESULTS,
        minimum_interval_seconds=_INTERVAL,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description="Materializes again, once, what other code versions materialized: exactly "
        "those assets and symbols, and what is downstream. Changed code counts once the code "
        "location has been reloaded. Stopped until you start it.",
    )
    def stale_results(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        if context.repository_def is None:
            raise dg.DagsterInvariantViolationError("This sensor needs its repository.")
        return _request_stale(context, universe, context.repository_def.asset_graph)

    return [new_symbol, stale_results]


def _find_untried(instance: dg.DagsterInstance, universe: Sequence[str]) -> set[str]:
    """Return the symbols whose prices no run has materialized or planned to."""
    tried: set[str] = set()
    # A run plans its materializations when it is created, long before it succeeds or fails.
    for event in (
        DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
        DagsterEventType.ASSET_MATERIALIZATION,
    ):
        storage = instance.event_log_storage
        tried |= set(storage.get_latest_storage_id_by_partition(PRICES_KEY, event))
    return set(universe) - tried


def _get_settings(instance: dg.DagsterInstance) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the run config of the resources of the newest leaderboard, and its purpose's tag."""
    newest = instance.get_latest_materialization_event(LEADERBOARD_KEY)
    run = instance.get_run_by_id(newest.run_id) if newest else None
    if run is None:
        return {}, {}
    resources = run.run_config.get("resources")
    return {"resources": resources} if resources else {}, select_purpose_tag(run.tags)


def _request_stale(
    context: dg.SensorEvaluationContext, universe: Sequence[str], graph: AssetGraph
) -> dg.SensorResult:
    """Request the stale symbols of the assets whose code version has changed."""
    current = _get_code_versions(graph)
    # The cursor holds the versions that were handled: the partitions of an asset are read when its
    # code changes, not every minute, and are requested once per version, whatever the outcome.
    seen: dict[str, str] = json.loads(context.cursor or "{}")
    changed = [key for key, version in current.items() if seen.get(_name(key)) != version]
    if not changed:
        return dg.SensorResult(skip_reason="The code has not changed.")
    if run_id := _find_unfinished_run(context.instance):
        # It may be materializing what is stale, or still with the old code.
        return dg.SensorResult(skip_reason=f"The code has changed; waiting for run {run_id}.")
    stale = {key: _find_stale(context.instance, key, current[key], universe) for key in changed}
    requests = list(_build_requests(stale, universe, graph, *_get_settings(context.instance)))
    return dg.SensorResult(
        run_requests=requests,
        skip_reason=None if requests else "No result is of another code version.",
        cursor=json.dumps({_name(key): version for key, version in current.items()}),
    )


def _get_code_versions(graph: AssetGraph) -> dict[dg.AssetKey, str]:
    nodes = [graph.get(key) for key in sorted(graph.materializable_asset_keys)]
    return {
        node.key: node.code_version
        for node in nodes
        if node.code_version and node.partitions_def is not None
    }


def _name(key: dg.AssetKey) -> str:
    return key.to_user_string()


def _find_unfinished_run(instance: dg.DagsterInstance) -> str | None:
    """Return a run over partitions that has not ended, if there is one."""
    runs = instance.get_runs(dg.RunsFilter(statuses=_UNFINISHED))
    return next((run.run_id for run in runs if select_partition_tags(run.tags)), None)


def _find_stale(
    instance: dg.DagsterInstance, key: dg.AssetKey, version: str, universe: Sequence[str]
) -> set[str]:
    """Return the symbols whose newest materialization is of another code version."""
    newest = {
        record.partition_key: (event.tags or {}).get(CODE_VERSION_TAG)
        for record in fetch_newest_by_partition(instance, key)
        if (event := record.asset_materialization)
    }
    # Materializations that were reported by hand have no version, and are left alone.
    return {symbol for symbol in universe if newest.get(symbol) not in (None, version)}


def _build_requests(
    stale: Mapping[dg.AssetKey, set[str]],
    universe: Sequence[str],
    graph: AssetGraph,
    run_config: Mapping[str, Any],
    purpose: Mapping[str, str],
) -> Iterator[dg.RunRequest]:
    """Yield one run per contiguous range of symbols with the same stale assets."""
    assets = {
        symbol: frozenset(key for key, symbols in stale.items() if symbol in symbols)
        for symbol in universe
    }
    for keys in sorted(set(assets.values()) - {frozenset()}, key=sorted):
        selection = dg.AssetSelection.assets(*keys).downstream().resolve(graph)
        symbols = {symbol for symbol in universe if assets[symbol] == keys}
        for ends in find_contiguous_ranges(universe, symbols):
            yield dg.RunRequest(
                tags={**build_partition_tags(*ends), **purpose},
                asset_selection=sorted(selection),
                run_config=run_config,
            )
