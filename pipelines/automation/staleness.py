"""What the universe or the code has outgrown is brought up to date by itself, and nothing else is.

Two sensors, stopped until somebody starts them. `new_symbol` requests the symbols of the universe
that no run has ever tried, the whole graph for each; `stale_results` the symbols that an asset has
from another version of its code, with what is downstream. Each asks once: what fails then is a
matter of `retry_failed`, and of people. What they request has the window and terms of the newest
leaderboard, so that it takes its place there: after a `nightly`, a window that ends today.

Dagster's own automation conditions do not know the difference between a symbol that is new and one
that has failed in a run that went on: both are missing.
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
from pipelines.partitions import partition_tags, tags_of, unbroken_ranges

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
            description="The whole graph for symbols that are new.",
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
        description="Runs the whole graph for symbols that no run has ever tried. A symbol is "
        "seen once the code location has been loaded with it. Stopped until somebody starts it.",
    )
    def new_symbol(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        new = _untried(context.instance, universe)
        if not new:
            return dg.SensorResult(skip_reason="Every symbol of the universe has been tried.")
        ranges = unbroken_ranges(universe, new)
        terms = _terms(context.instance)
        return dg.SensorResult(
            [dg.RunRequest(tags=tags_of(*ends), run_config=terms) for ends in ranges]
        )

    @dg.sensor(
        name=STALE_RESULTS,
        job_name=STALE_RESULTS,
        minimum_interval_seconds=_INTERVAL,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description="Makes anew, once, what other versions of the code have made: exactly those "
        "assets and symbols, and what is downstream. The code counts that the code location has "
        "loaded. Stopped until somebody starts it.",
    )
    def stale_results(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        if context.repository_def is None:
            raise dg.DagsterInvariantViolationError("This sensor is evaluated in a repository.")
        return _renew(context, universe, context.repository_def.asset_graph)

    return [new_symbol, stale_results]


def _untried(instance: dg.DagsterInstance, universe: Sequence[str]) -> set[str]:
    """Return the symbols whose prices no run has made, nor was ever going to."""
    tried: set[str] = set()
    # A run says what it is going to make when it is created, long before it succeeds or fails.
    for event in (
        DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
        DagsterEventType.ASSET_MATERIALIZATION,
    ):
        storage = instance.event_log_storage
        tried |= set(storage.get_latest_storage_id_by_partition(PRICES_KEY, event))
    return set(universe) - tried


def _terms(instance: dg.DagsterInstance) -> dict[str, Any]:
    """Return the run config of resources that the newest leaderboard was made with."""
    made = instance.get_latest_materialization_event(LEADERBOARD_KEY)
    run = instance.get_run_by_id(made.run_id) if made else None
    resources = run.run_config.get("resources") if run else None
    return {"resources": resources} if resources else {}


def _renew(
    context: dg.SensorEvaluationContext, universe: Sequence[str], graph: AssetGraph
) -> dg.SensorResult:
    """Request what is stale of the assets whose version differs from the one last seen to."""
    current = _code_versions(graph)
    # The cursor holds the versions that have been seen to: an asset is looked through when its
    # code changes, not once a minute, and is requested once a version, whatever comes of it.
    seen: dict[str, str] = json.loads(context.cursor or "{}")
    changed = [key for key, version in current.items() if seen.get(_name(key)) != version]
    if not changed:
        return dg.SensorResult(skip_reason="The code is that of the last look.")
    if run_id := _unfinished(context.instance):
        # It may be making what is stale, or with code of before.
        return dg.SensorResult(skip_reason=f"The code has changed; run {run_id} has to end first.")
    stale = {key: _stale(context.instance, key, current[key], universe) for key in changed}
    terms = _terms(context.instance)
    requests = list(_requests(stale, universe, graph, terms))
    return dg.SensorResult(
        run_requests=requests,
        skip_reason=None if requests else "No result is of another version of the code.",
        cursor=json.dumps({_name(key): version for key, version in current.items()}),
    )


def _code_versions(graph: AssetGraph) -> dict[dg.AssetKey, str]:
    nodes = [graph.get(key) for key in sorted(graph.materializable_asset_keys)]
    return {
        node.key: node.code_version
        for node in nodes
        if node.code_version and node.partitions_def is not None
    }


def _name(key: dg.AssetKey) -> str:
    return key.to_user_string()


def _unfinished(instance: dg.DagsterInstance) -> str | None:
    """Return a run over symbols that has not ended, if there is one."""
    runs = instance.get_runs(dg.RunsFilter(statuses=_UNFINISHED))
    return next((run.run_id for run in runs if partition_tags(run.tags)), None)


def _stale(
    instance: dg.DagsterInstance, key: dg.AssetKey, version: str, universe: Sequence[str]
) -> set[str]:
    """Return the symbols whose newest materialization is of another version of the code."""
    newest = {
        record.partition_key: (event.tags or {}).get(CODE_VERSION_TAG)
        for record in fetch_newest_by_partition(instance, key)
        if (event := record.asset_materialization)
    }
    # What somebody has reported by hand has no version, and is left alone.
    return {symbol for symbol in universe if newest.get(symbol) not in (None, version)}


def _requests(
    stale: Mapping[dg.AssetKey, set[str]],
    universe: Sequence[str],
    graph: AssetGraph,
    terms: Mapping[str, Any],
) -> Iterator[dg.RunRequest]:
    """Yield a run for each unbroken range of symbols of which the same assets are stale."""
    assets = {
        symbol: frozenset(key for key, symbols in stale.items() if symbol in symbols)
        for symbol in universe
    }
    for keys in sorted(set(assets.values()) - {frozenset()}, key=sorted):
        selection = dg.AssetSelection.assets(*keys).downstream().resolve(graph)
        symbols = {symbol for symbol in universe if assets[symbol] == keys}
        for ends in unbroken_ranges(universe, symbols):
            yield dg.RunRequest(
                tags=tags_of(*ends), asset_selection=sorted(selection), run_config=terms
            )
