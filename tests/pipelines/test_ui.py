"""What a person starts from the Dagster page, sent to a real webserver as the page sends it."""

from collections.abc import Iterator
from typing import Any

import pytest

from strategies.registry import registered_strategies
from tests.pipelines.webserver import Webserver, running_webserver

# One worker of pytest-xdist: two webservers at once would starve each other.
pytestmark = [pytest.mark.ui, pytest.mark.xdist_group("ui")]

# A run of a symbol takes 15 s on two cores, most of it the start of its process.
RUN_WITHIN = 120.0
# The daemon looks every 30 s, which Dagster has no setting for: it launches the symbols, then
# the leaderboard, then sees that all is done. Alone that is 60 to 90 s.
BACKFILL_WITHIN = 240.0

BACKTESTS = {f"backtests/{name}" for name in registered_strategies()}

ASSETS = """
    { assetNodes {
        assetKey { path }
        isPartitioned
        assetPartitionStatuses { ... on DefaultPartitionStatuses { materializedPartitions } }
        assetMaterializations(limit: 1) { runId }
        assetChecksOrError { ... on AssetChecks { checks { name } } } } }
"""
LAUNCH_RUN = """
    mutation ($params: ExecutionParams!) { launchPipelineExecution(executionParams: $params) {
        __typename
        ... on LaunchRunSuccess { run { id } }
        ... on PythonError { message }
        ... on InvalidSubsetError { message } } }
"""
LAUNCH_BACKFILL = """
    mutation ($params: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $params) {
        __typename
        ... on LaunchBackfillSuccess { backfillId }
        ... on PythonError { message } } }
"""
RUN_STATUS = "query ($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"
EVALUATIONS = """
    query ($id: ID!) { runOrError(runId: $id) { ... on Run {
        eventConnection(limit: 1000) { hasMore events {
            ... on AssetCheckEvaluationEvent { evaluation { success } } } } } } }
"""
BACKFILL = """
    query ($id: String!) { partitionBackfillOrError(backfillId: $id) { ... on PartitionBackfill {
        status numPartitions runs { id status } } } }
"""


@pytest.fixture(scope="module")
def webserver() -> Iterator[Webserver]:
    with running_webserver() as started:
        yield started


def test_the_page_shows_every_asset_with_its_checks(webserver: Webserver):
    shown = assets(webserver)
    assert set(shown) >= {"prices", "backtest_summaries", "leaderboard"} | BACKTESTS
    assert len(BACKTESTS) >= 9
    judged = {name for name, asset in shown.items() if checks_of(asset)}
    assert judged >= {"prices", "backtest_summaries"} | BACKTESTS


def test_one_symbol_of_every_asset_is_one_run_and_marks_that_symbol_only(webserver: Webserver):
    before = materialized(webserver)
    run_id = launch_run(webserver, "AAPL")
    ended(webserver, run_id)
    assert added(before, materialized(webserver)) == {name: {"AAPL"} for name in before}
    leaderboard = assets(webserver)["leaderboard"]
    assert leaderboard["assetMaterializations"] == [{"runId": run_id}]
    assert verdicts(webserver, run_id) == [True] * number_of_checks(webserver)


def test_a_selection_of_symbols_is_a_backfill_and_marks_those_only(webserver: Webserver):
    before = materialized(webserver)
    backfill_id = launch_backfill(webserver, ["MSFT", "GOOGL", "TSLA"])
    backfill = webserver.wait_until(
        f"backfill {backfill_id} is completed",
        lambda: webserver.query(BACKFILL, id=backfill_id)["partitionBackfillOrError"],
        lambda seen: seen["status"].startswith("COMPLETED"),
        BACKFILL_WITHIN,
    )
    assert backfill["status"] == "COMPLETED_SUCCESS"
    assert backfill["numPartitions"] == 3
    selected = {"MSFT", "GOOGL", "TSLA"}
    assert added(before, materialized(webserver)) == dict.fromkeys(before, selected)
    # A run is one unbroken range: MSFT to GOOGL, TSLA, and what is unpartitioned after both.
    assert [run["status"] for run in backfill["runs"]] == ["SUCCESS"] * 3
    passed = [verdicts(webserver, run["id"]) for run in backfill["runs"]]
    checks = number_of_checks(webserver)
    assert sorted(passed) == [[], [True] * checks, [True] * checks]


def launch_run(webserver: Webserver, symbol: str) -> str:
    """Launch what the dialog of "Materialize all" does for one partition; return the run's id."""
    nodes = assets(webserver).values()
    checks = [
        {"assetKey": asset["assetKey"], "name": check["name"]}
        for asset in nodes
        for check in checks_of(asset)
    ]
    params = {
        "mode": "default",
        "runConfigData": "{}\n",
        "selector": {
            "repositoryLocationName": "gauntlet",
            "repositoryName": "__repository__",
            "pipelineName": "__ASSET_JOB",
            "assetSelection": [asset["assetKey"] for asset in nodes],
            "assetCheckSelection": checks,
        },
        "executionMetadata": {
            "tags": [
                {"key": "dagster/partition", "value": symbol},
                {"key": "dagster/from_ui", "value": "true"},
            ]
        },
    }
    launched = webserver.query(LAUNCH_RUN, params=params)["launchPipelineExecution"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    return launched["run"]["id"]


def launch_backfill(webserver: Webserver, symbols: list[str]) -> str:
    """Launch what that dialog does for several partitions; return the backfill's id."""
    params = {
        "assetSelection": [asset["assetKey"] for asset in assets(webserver).values()],
        "partitionNames": symbols,
        "fromFailure": False,
        "tags": [{"key": "dagster/from_ui", "value": "true"}],
    }
    launched = webserver.query(LAUNCH_BACKFILL, params=params)["launchPartitionBackfill"]
    assert launched["__typename"] == "LaunchBackfillSuccess", launched
    return launched["backfillId"]


def ended(webserver: Webserver, run_id: str) -> None:
    """Wait until a run has ended, and demand that it succeeded."""
    status = webserver.wait_until(
        f"run {run_id} has ended",
        lambda: webserver.query(RUN_STATUS, id=run_id)["runOrError"]["status"],
        {"SUCCESS", "FAILURE", "CANCELED"}.__contains__,
        RUN_WITHIN,
    )
    assert status == "SUCCESS", webserver.log_tail()


def assets(webserver: Webserver) -> dict[str, dict[str, Any]]:
    """Return the nodes of the asset graph by name."""
    nodes = webserver.query(ASSETS)["assetNodes"]
    return {"/".join(node["assetKey"]["path"]): node for node in nodes}


def checks_of(asset: dict[str, Any]) -> list[dict[str, Any]]:
    return asset["assetChecksOrError"]["checks"]


def number_of_checks(webserver: Webserver) -> int:
    return sum(len(checks_of(asset)) for asset in assets(webserver).values())


def materialized(webserver: Webserver) -> dict[str, set[str]]:
    """Return the materialized symbols of each asset that is partitioned."""
    return {
        name: set(asset["assetPartitionStatuses"]["materializedPartitions"])
        for name, asset in assets(webserver).items()
        if asset["isPartitioned"]
    }


def added(before: dict[str, set[str]], after: dict[str, set[str]]) -> dict[str, set[str]]:
    return {name: after[name] - before[name] for name in before}


def verdicts(webserver: Webserver, run_id: str) -> list[bool]:
    """Return whether it passed, for each check that a run evaluated."""
    page = webserver.query(EVALUATIONS, id=run_id)["runOrError"]["eventConnection"]
    assert not page["hasMore"]
    return [event["evaluation"]["success"] for event in page["events"] if event]
