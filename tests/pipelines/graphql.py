"""Requests of the Dagster UI to its webserver: launch, terminate, status."""

import json
from collections.abc import Sequence
from typing import Any

from tests.pipelines.webserver import Webserver

# A run of one symbol takes 15 s on two cores, mostly for the start of its process.
RUN_WITHIN = 300.0
# The daemon polls every 30 s, which Dagster has no setting for: it launches the symbols, then
# the leaderboard, then completes the backfill. That alone takes 60 to 90 s.
BACKFILL_WITHIN = 480.0

_ASSETS = """
    { assetNodes {
        assetKey { path }
        isPartitioned
        isMaterializable
        assetPartitionStatuses { ... on DefaultPartitionStatuses {
            materializedPartitions failedPartitions unmaterializedPartitions } }
        assetMaterializations(limit: 1) { runId }
        assetChecksOrError { ... on AssetChecks { checks { name } } } } }
"""
_LAUNCH_RUN = """
    mutation ($params: ExecutionParams!) { launchPipelineExecution(executionParams: $params) {
        __typename
        ... on LaunchRunSuccess { run { id } }
        ... on PythonError { message }
        ... on InvalidSubsetError { message } } }
"""
_LAUNCH_BACKFILL = """
    mutation ($params: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $params) {
        __typename
        ... on LaunchBackfillSuccess { backfillId }
        ... on PythonError { message } } }
"""
_RETRY_BACKFILL = """
    mutation ($params: ReexecutionParams!) {
        reexecutePartitionBackfill(reexecutionParams: $params) {
            __typename
            ... on LaunchBackfillSuccess { backfillId }
            ... on PythonError { message } } }
"""
_TERMINATE = """
    mutation ($id: String!) { terminateRun(runId: $id) {
        __typename
        ... on TerminateRunFailure { message }
        ... on PythonError { message } } }
"""
_RUN_STATUS = "query ($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"
_ERROR = """
    query ($id: ID!) { runOrError(runId: $id) { ... on Run {
        eventConnection(limit: 1000) { events {
            ... on ExecutionStepFailureEvent { error { message stack } } } } } } }
"""
_MADE = """
    query ($id: ID!) { runOrError(runId: $id) { ... on Run {
        assetMaterializations { assetKey { path } } } } }
"""
_EVALUATIONS = """
    query ($id: ID!) { runOrError(runId: $id) { ... on Run {
        eventConnection(limit: 1000) { hasMore events {
            ... on AssetCheckEvaluationEvent { evaluation { success } } } } } } }
"""
_RUN_PAGE = """
    query ($id: ID!) { runOrError(runId: $id) { ... on Run {
        stats { ... on RunStatsSnapshot { stepsSucceeded materializations } }
        stepStats { stepKey status materializations { partition } }
        assetMaterializations { partition stepKey }
        eventConnection(limit: 1000) { events { __typename
            ... on MaterializationEvent { stepKey partition assetKey { path }
                label metadataEntries { label } } } } } } }
"""
_PARTITION_PAGE = """
    query ($key: AssetKeyInput!, $partition: String!) { assetNodeOrError(assetKey: $key) {
        ... on AssetNode {
            latestMaterializationByPartition(partitions: [$partition]) {
                runId stepKey partition tags { key value } metadataEntries { label
                    ... on FloatMetadataEntry { floatValue } ... on IntMetadataEntry { intValue }
                    ... on TextMetadataEntry { text } ... on MarkdownMetadataEntry { mdStr } } }
            latestRunForPartition(partition: $partition) { id status } } } }
"""
_BACKFILL = """
    query ($id: String!) { partitionBackfillOrError(backfillId: $id) { ... on PartitionBackfill {
        status numPartitions partitionNames runs { id status }
        assetBackfillData {
            rootTargetedPartitions { partitionKeys }
            assetBackfillStatuses { ... on AssetPartitionsStatusCounts {
                assetKey { path } numPartitionsMaterialized numPartitionsFailed } } } } } }
"""


def assets(webserver: Webserver) -> dict[str, dict[str, Any]]:
    """Return the nodes of the asset graph by name."""
    nodes = webserver.query(_ASSETS)["assetNodes"]
    return {"/".join(node["assetKey"]["path"]): node for node in nodes}


def checks_of(asset: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the checks of a node."""
    return asset["assetChecksOrError"]["checks"]


def materialized(webserver: Webserver) -> dict[str, set[str]]:
    """Return the materialized symbols of each asset that is partitioned."""
    return _partitions(webserver, "materializedPartitions")


def failed(webserver: Webserver) -> dict[str, set[str]]:
    """Return the failed symbols of each asset that is partitioned."""
    return _partitions(webserver, "failedPartitions")


def failed_and_missing(webserver: Webserver) -> dict[str, set[str]]:
    """Return what the button "Failed and missing" of the UI chooses, by asset."""
    missing = _partitions(webserver, "unmaterializedPartitions")
    return {name: missing[name] | found for name, found in failed(webserver).items()}


def _partitions(webserver: Webserver, which: str) -> dict[str, set[str]]:
    return {
        name: set(asset["assetPartitionStatuses"][which])
        for name, asset in assets(webserver).items()
        if asset["isPartitioned"]
    }


def _selected(webserver: Webserver, names: Sequence[str] | None) -> list[dict[str, Any]]:
    """Return the nodes of the assets that can be materialized, all or some."""
    return [
        node
        for name, node in assets(webserver).items()
        if node["isMaterializable"] and (names is None or name in names)
    ]


def launch_run(
    webserver: Webserver,
    partitions: dict[str, str],
    names: Sequence[str] | None = None,
    run_config: str = "{}\n",
) -> str:
    """Launch one run as the dialog of "Materialize" does; return the run's id.

    `partitions` are the tags of the partitions, `names` the selected assets, or all.
    """
    nodes = _selected(webserver, names)
    checks = [
        {"assetKey": asset["assetKey"], "name": check["name"]}
        for asset in nodes
        for check in checks_of(asset)
    ]
    tags = partitions | {"dagster/from_ui": "true"}
    params = {
        "mode": "default",
        "runConfigData": run_config,
        "selector": {
            "repositoryLocationName": "gauntlet",
            "repositoryName": "__repository__",
            "pipelineName": "__ASSET_JOB",
            "assetSelection": [asset["assetKey"] for asset in nodes],
            "assetCheckSelection": checks,
        },
        "executionMetadata": {
            "tags": [{"key": key, "value": value} for key, value in tags.items()]
        },
    }
    launched = webserver.query(_LAUNCH_RUN, params=params)["launchPipelineExecution"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    return launched["run"]["id"]


def launch_request(webserver: Webserver, user: str, symbols: Sequence[str], strategy: str) -> str:
    """Launch a run of the job `backtest_request`, as the launchpad does; return its id."""
    request = {"user": user, "symbols": list(symbols), "strategy": strategy}
    params = {
        "mode": "default",
        "runConfigData": json.dumps(request),
        "selector": {
            "repositoryLocationName": "gauntlet",
            "repositoryName": "__repository__",
            "pipelineName": "backtest_request",
        },
        "executionMetadata": {"tags": [{"key": "user", "value": user}]},
    }
    launched = webserver.query(_LAUNCH_RUN, params=params)["launchPipelineExecution"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    return launched["run"]["id"]


def count_runs(webserver: Webserver) -> int:
    """Return the number of runs that the instance knows."""
    return webserver.query("{ runsOrError { ... on Runs { count } } }")["runsOrError"]["count"]


def ended(webserver: Webserver, run_id: str, within: float = RUN_WITHIN) -> str:
    """Wait until a run has ended; return its status."""
    return webserver.wait_until(
        f"run {run_id} has ended",
        lambda: webserver.query(_RUN_STATUS, id=run_id)["runOrError"]["status"],
        {"SUCCESS", "FAILURE", "CANCELED"}.__contains__,
        within,
    )


def error_of(webserver: Webserver, run_id: str) -> tuple[str, list[str]]:
    """Return message and traceback of the error of a run's failed step, as the UI shows it."""
    page = webserver.query(_ERROR, id=run_id)["runOrError"]["eventConnection"]
    (event,) = [event for event in page["events"] if event]
    return event["error"]["message"], event["error"]["stack"]


def made_by(webserver: Webserver, run_id: str) -> set[str]:
    """Return the assets that a run has materialized."""
    made = webserver.query(_MADE, id=run_id)["runOrError"]["assetMaterializations"]
    return {"/".join(one["assetKey"]["path"]) for one in made}


def run_page(webserver: Webserver, run_id: str) -> dict[str, Any]:
    """Return what the page of a run shows: its events, steps and numbers."""
    return webserver.query(_RUN_PAGE, id=run_id)["runOrError"]


def partition_page(webserver: Webserver, asset: str, partition: str) -> dict[str, Any]:
    """Return what the page of an asset shows of one of its partitions."""
    key = {"path": asset.split("/")}
    return webserver.query(_PARTITION_PAGE, key=key, partition=partition)["assetNodeOrError"]


def terminate(webserver: Webserver, run_id: str) -> None:
    """Do what the button "Terminate" of the UI does."""
    response = webserver.query(_TERMINATE, id=run_id)["terminateRun"]
    assert response["__typename"] == "TerminateRunSuccess", response


def launch_backfill(
    webserver: Webserver, symbols: Sequence[str], names: Sequence[str] | None = None
) -> str:
    """Launch a backfill as that dialog does for several partitions; return its id."""
    nodes = _selected(webserver, names)
    params = {
        "assetSelection": [asset["assetKey"] for asset in nodes],
        "partitionNames": list(symbols),
        "fromFailure": False,
        "tags": [{"key": "dagster/from_ui", "value": "true"}],
    }
    launched = webserver.query(_LAUNCH_BACKFILL, params=params)["launchPartitionBackfill"]
    assert launched["__typename"] == "LaunchBackfillSuccess", launched
    return launched["backfillId"]


def retry_backfill(webserver: Webserver, backfill_id: str) -> str:
    """Do what "Re-execute from failure" of the UI does; return the new backfill's id."""
    params = {"parentRunId": backfill_id, "strategy": "FROM_FAILURE"}
    launched = webserver.query(_RETRY_BACKFILL, params=params)["reexecutePartitionBackfill"]
    assert launched["__typename"] == "LaunchBackfillSuccess", launched
    return launched["backfillId"]


def backfill_ended(webserver: Webserver, backfill_id: str) -> dict[str, Any]:
    """Wait until a backfill is completed; return its fields in the UI."""
    return webserver.wait_until(
        f"backfill {backfill_id} is completed",
        lambda: webserver.query(_BACKFILL, id=backfill_id)["partitionBackfillOrError"],
        lambda seen: seen["status"].startswith("COMPLETED"),
        BACKFILL_WITHIN,
    )


def verdicts(webserver: Webserver, run_id: str) -> list[bool]:
    """Return for each check that a run evaluated whether it passed."""
    page = webserver.query(_EVALUATIONS, id=run_id)["runOrError"]["eventConnection"]
    assert not page["hasMore"]
    return [event["evaluation"]["success"] for event in page["events"] if event]
