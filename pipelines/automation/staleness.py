"""New symbols and results of changed code are brought up to date automatically, and nothing else.

Two sensors, stopped until a user starts them. `new_symbol` requests the graph for symbols
of the universe that no run has ever tried; `stale_results` requests the symbols that another code
version of an asset materialized, with everything downstream, and the research that another code
version made: in the run of all symbols, or in a run of its own. Each requests once: what fails then
is left to `retry_failed`, and to people. The requests have the window and settings of the newest
leaderboard, so that their results belong to it: after a `nightly`, a window that ends today.
Dagster's own automation conditions launch runs without run config, in the window of the
environment.

A switch of source recomputes nothing: the partitions of another source are missing, and its results
are not those of another code version.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import dagster as dg
from dagster import DagsterEventType
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph
from dagster._core.definitions.data_version import CODE_VERSION_TAG
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from assets.asset_keys import LEADERBOARD_KEY, PRICES_KEY, RESEARCH_GROUP
from assets.partitions.upstream import fetch_newest_by_partition
from pipelines.partitions import (
    build_partition_tags,
    find_contiguous_ranges,
    select_partition_tags,
    split_into_runs,
)
from pipelines.symbol_runs import covers, leave_out_research
from resources.config.run_purpose import select_purpose_tag
from resources.dagster_event_log.versions import drop_source, get_source, is_of_source

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
            selection=dg.AssetSelection.all() - dg.AssetSelection.groups(RESEARCH_GROUP),
            description="The graph for new symbols; research on all symbols is left to `nightly`.",
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
        description="Runs the graph for symbols that no run has ever tried. A symbol counts "
        "once the code location has been reloaded with it. Stopped until you start it.",
    )
    def new_symbol(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        new = _find_untried(context.instance, universe)
        if not new:
            return dg.SensorResult(skip_reason="Every symbol of the universe has been tried.")
        ranges = find_contiguous_ranges(universe, new)
        run_config, purpose = get_leaderboard_config(context.instance, _get_graph(context))
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
        "those assets and symbols, sweeps and verdicts too, and what is downstream. Changed code "
        "counts once the code location has been reloaded. Stopped until you start it.",
    )
    def stale_results(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        return _request_stale(context, universe, _get_graph(context))

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


def _get_graph(context: dg.SensorEvaluationContext) -> AssetGraph:
    if context.repository_def is None:
        raise dg.DagsterInvariantViolationError("This sensor needs its repository.")
    return context.repository_def.asset_graph


def get_leaderboard_config(
    instance: dg.DagsterInstance, graph: AssetGraph
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the run config of the resources of the newest leaderboard, and its purpose's tag.

    There is none of a leaderboard of another source of prices: its window may be another's too.
    """
    newest = instance.get_latest_materialization_event(LEADERBOARD_KEY)
    run = instance.get_run_by_id(newest.run_id) if newest else None
    if newest is None or run is None:
        return {}, {}
    made_by = (newest.tags or {}).get(CODE_VERSION_TAG, "")
    if not is_of_source(made_by, get_source(graph.get(LEADERBOARD_KEY).code_version or "")):
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
    partitioned = [key for key in changed if graph.get(key).is_partitioned]
    stale = {key: _find_stale(context.instance, key, current[key], universe) for key in partitioned}
    research = _find_stale_research(context.instance, current, {*changed} - {*partitioned})
    run_config, purpose = get_leaderboard_config(context.instance, graph)
    requests: list[dg.RunRequest] = []
    for keys, ends in split_into_runs(stale, universe):
        whole = covers(universe, [ends])
        selected = _select_downstream(graph, [*keys, *(research if whole else [])], whole=whole)
        tags = {**build_partition_tags(*ends), **purpose}
        requests.append(dg.RunRequest(tags=tags, asset_selection=selected, run_config=run_config))
        research = [] if whole else research
    if research:
        selected = _select_research(context.instance, graph, research)
        requests.append(
            dg.RunRequest(tags=purpose, asset_selection=selected, run_config=run_config)
        )
    return dg.SensorResult(
        run_requests=requests,
        skip_reason=None if requests else "No result is of another code version.",
        cursor=json.dumps({_name(key): version for key, version in current.items()}),
    )


def _select_downstream(
    graph: AssetGraph, keys: Iterable[dg.AssetKey], *, whole: bool
) -> list[dg.AssetKey]:
    """Return the assets and what is downstream of them; research only in a run of all symbols."""
    assets = dg.AssetSelection.assets(*keys).downstream().resolve(graph)
    return sorted(assets) if whole else leave_out_research(graph, assets)


def _select_research(
    instance: dg.DagsterInstance, graph: AssetGraph, keys: Iterable[dg.AssetKey]
) -> list[dg.AssetKey]:
    """Return assets of research and the leaderboard that shows it, with what is downstream."""
    shown = instance.get_latest_materialization_event(LEADERBOARD_KEY) is not None
    return _select_downstream(graph, [*keys, *([LEADERBOARD_KEY] if shown else [])], whole=True)


def _get_code_versions(graph: AssetGraph) -> dict[dg.AssetKey, str]:
    nodes = [graph.get(key) for key in sorted(graph.materializable_asset_keys)]
    return {
        node.key: node.code_version
        for node in nodes
        if node.code_version and (node.is_partitioned or node.group_name == RESEARCH_GROUP)
    }


def _name(key: dg.AssetKey) -> str:
    return key.to_user_string()


def _find_unfinished_run(instance: dg.DagsterInstance) -> str | None:
    """Return a run over partitions, or of this sensor, that has not ended, if there is one."""
    runs = instance.get_runs(dg.RunsFilter(statuses=_UNFINISHED))
    concerned = (
        run.run_id
        for run in runs
        if select_partition_tags(run.tags) or run.job_name == STALE_RESULTS
    )
    return next(concerned, None)


def _find_stale(
    instance: dg.DagsterInstance, key: dg.AssetKey, version: str, universe: Sequence[str]
) -> set[str]:
    """Return the symbols whose newest materialization is of another version of the code.

    Those of another source of prices are left alone: a switch of source recomputes nothing.
    """
    newest = {
        str(record.partition_key): event
        for record in fetch_newest_by_partition(instance, key)
        if (event := record.asset_materialization)
    }
    return {symbol for symbol in universe if _is_stale(newest.get(symbol), version)}


def _find_stale_research(
    instance: dg.DagsterInstance,
    current: Mapping[dg.AssetKey, str],
    changed: Collection[dg.AssetKey],
) -> list[dg.AssetKey]:
    """Return the assets of research that another version of their code made."""
    events = {key: instance.get_latest_materialization_event(key) for key in sorted(changed)}
    return [
        key
        for key, event in events.items()
        if event and _is_stale(event.asset_materialization, current[key])
    ]


def _is_stale(made: dg.AssetMaterialization | None, version: str) -> bool:
    """Return whether something was made by another version of the code, on the same source.

    What was reported by hand has no version, and is left alone.
    """
    found = (made.tags or {}).get(CODE_VERSION_TAG) if made else None
    return bool(
        found
        and drop_source(found) != drop_source(version)
        and is_of_source(found, get_source(version))
    )
