"""Actions of users in the Dagster UI, sent to a real webserver as the UI sends them."""

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import urlopen
from uuid import uuid4

import psutil
import pytest

from resources.result_store.resource import ResultStore
from strategies.registry import registered_strategies
from tests.pipelines.graphql import (
    assets,
    backfill_ended,
    checks_of,
    count_runs,
    ended,
    error_of,
    launch_backfill,
    launch_request,
    launch_run,
    materialized,
    partition_page,
    run_page,
    verdicts,
)
from tests.pipelines.hostile_page import AS_JSON, AS_PARAMETERS
from tests.pipelines.webserver import Webserver, running_webserver

# One worker of pytest-xdist: two webservers at once would starve each other.
pytestmark = [pytest.mark.ui, pytest.mark.xdist_group("ui")]

BACKTESTS = {f"backtests/{name}" for name in registered_strategies()}
RESEARCH = {
    "forward_record",
    "verdicts",
    "tear_sheets",
    *(
        f"{kind}/{name}"
        for kind in ("optimizations", "walk_forward", "robustness", "portfolios")
        for name in registered_strategies()
    ),
}


@pytest.fixture(scope="module")
def webserver() -> Iterator[Webserver]:
    with running_webserver() as started:
        yield started


def test_the_ui_shows_every_asset_with_its_checks(webserver: Webserver):
    shown = assets(webserver)
    assert set(shown) >= {"prices", "backtest_summaries", "leaderboard"} | BACKTESTS
    assert len(BACKTESTS) >= 9
    checked = {name for name, asset in shown.items() if checks_of(asset)}
    assert checked >= {"prices", "backtest_summaries"} | BACKTESTS


def test_a_run_of_one_symbol_materializes_only_that_symbol(webserver: Webserver):
    before = materialized(webserver)
    run_id = launch_run(webserver, {"dagster/partition": "AAPL"})
    assert ended(webserver, run_id) == "SUCCESS", webserver.log_tail()
    assert added(before, materialized(webserver)) == {name: {"AAPL"} for name in before}
    leaderboard = assets(webserver)["leaderboard"]
    assert leaderboard["assetMaterializations"] == [{"runId": run_id}]
    _require_pages(webserver, run_id, "AAPL", set(before))
    failed = count_warnings(webserver, run_id)
    checks = number_of_checks(webserver)
    assert sorted(verdicts(webserver, run_id)) == [False] * failed + [True] * (checks - failed)


def _require_pages(webserver: Webserver, run_id: str, symbol: str, partitioned: set[str]) -> None:
    """Require that the pages of a run and of its partitions show what it made."""
    page = run_page(webserver, run_id)
    events = page["eventConnection"]["events"]
    kinds = Counter(event["__typename"] for event in events)
    assert kinds["AssetMaterializationPlannedEvent"] == len(partitioned) + 1 + len(RESEARCH)
    assert kinds["RunSuccessEvent"] == kinds["RunStartEvent"] == 1
    made = [event for event in events if event["__typename"] == "MaterializationEvent"]
    unpartitioned = {"leaderboard", *RESEARCH}
    assert {
        ("/".join(one["assetKey"]["path"]), one["partition"])
        for one in made
        if one["metadataEntries"] and one["stepKey"] and one["label"]
    } == {(name, symbol) for name in partitioned} | {(one, None) for one in unpartitioned}
    by_step = {one["stepKey"]: len(one["materializations"]) for one in page["stepStats"]}
    assert {name: count for name, count in by_step.items() if count} == {
        "prices": 1,
        "backtests": len(BACKTESTS),
        "backtest_summaries": 1,
        "leaderboard": 1,
        "forward_record": 1,
        "verdicts": 1,
        "tear_sheets": 1,
        **dict.fromkeys(("optimizations", "walk_forward", "robustness"), len(BACKTESTS)),
        "portfolios": len(BACKTESTS),
    }
    assert {one["status"] for one in page["stepStats"]} == {"SUCCESS"}
    assert page["stats"]["materializations"] == len(made) == len(page["assetMaterializations"])
    shown = partition_page(webserver, "backtests/rsi", symbol)
    assert shown["latestRunForPartition"] == {"id": run_id, "status": "SUCCESS"}
    (newest,) = shown["latestMaterializationByPartition"]
    assert (newest["runId"], newest["stepKey"]) == (run_id, "backtests")
    (row,) = (
        ResultStore(home=str(webserver.folder / ".data"))
        .manager()
        .get_backtests_by_run(run_id)
        .filter(strategy="rsi")
        .to_dicts()
    )
    values = {
        one["label"]: next(value for name, value in one.items() if name != "label")
        for one in newest["metadataEntries"]
    }
    # Of the run that computed it, which another test's may have been.
    picture = f"/backtests/{row['run_id']}/{row['part']}/{row['id']}.svg"
    assert values == {
        **{name: row[name] for name in ("total_return", "sharpe_ratio", "max_drawdown")},
        "closed_trades": row["closed_trades"],
        "equity": f"![{row['first_session']} to {row['last_session']}]({picture})",
    }
    _require_picture(f"{webserver.url}{picture}", symbol, row)
    tags = {one["key"]: one["value"] for one in newest["tags"]}
    assert tags["dagster/data_version"] == f"{row['id']}@synthetic"


def _require_picture(url: str, symbol: str, row: dict[str, Any]) -> None:
    """Require that the webserver draws a backtest, and says where there is none."""
    with urlopen(url, timeout=120) as response:  # noqa: S310 - to ourselves
        svg = response.read().decode()
        assert response.headers["Content-Type"] == "image/svg+xml"
        assert response.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert f"rsi on {symbol} (" in svg
    assert f"{row['closed_trades']} closed trades" in svg
    with pytest.raises(HTTPError, match="404"):
        urlopen(url.replace(str(row["id"]), str(uuid4())), timeout=120)  # noqa: S310


def test_a_backfill_materializes_only_its_symbols(webserver: Webserver):
    before = materialized(webserver)
    backfill_id = launch_backfill(webserver, ["MSFT", "GOOGL", "TSLA"])
    backfill = backfill_ended(webserver, backfill_id)
    assert backfill["status"] == "COMPLETED_SUCCESS"
    assert backfill["numPartitions"] == 3
    selected = {"MSFT", "GOOGL", "TSLA"}
    assert added(before, materialized(webserver)) == dict.fromkeys(before, selected)
    # One run per contiguous range: MSFT to GOOGL, TSLA, and then the unpartitioned assets; the
    # daemon takes them in two runs where it looks when only some can be made.
    assert {run["status"] for run in backfill["runs"]} == {"SUCCESS"}
    passed = {run["id"]: verdicts(webserver, run["id"]) for run in backfill["runs"]}
    # Of the leaderboard, the forward record, and the portfolio of each strategy.
    whole = 3 + 4 * len(BACKTESTS)
    of_range = [True] * (number_of_checks(webserver) - whole)
    assert sorted(map(len, passed.values()))[-2:] == [len(of_range)] * 2
    unpartitioned = {run: found for run, found in passed.items() if len(found) < len(of_range)}
    assert [found for run, found in passed.items() if run not in unpartitioned] == [of_range] * 2
    failed = count_warnings(webserver, *unpartitioned)
    found = sorted(one for checks in unpartitioned.values() for one in checks)
    assert found == [False] * failed + [True] * (whole - failed)


def count_warnings(webserver: Webserver, *run_ids: str) -> int:
    """Return how many checks of the runs that made a leaderboard of a few symbols warn.

    One, for it is of a few. Its strategies are judged too, and some rejected, where the tests
    before have fetched enough symbols: they are in another order each time.
    """
    manager = ResultStore(home=str(webserver.folder / ".data")).manager()
    return 1 + any("rejected" in manager.get_verdicts(run)["verdict"] for run in run_ids)


def test_requests_of_several_users_are_separate(webserver: Webserver):
    requested = {
        "ann": (["AAPL", "META"], "sma_cross"),
        "bob": (["META", "TSLA"], "sma_cross"),
        "cid": (["AAPL", "AMZN"], "rsi"),
    }
    runs = {user: launch_request(webserver, user, *of) for user, of in requested.items()}
    for run_id in runs.values():
        assert ended(webserver, run_id) == "SUCCESS", webserver.log_tail()
    store = ResultStore(home=str(webserver.folder / ".data")).manager()
    for user, (symbols, strategy) in requested.items():
        rows = store.get_backtests_by_run(runs[user])
        assert sorted(rows["symbol"]) == sorted(symbols)
        assert set(rows["strategy"]) == {strategy}
        run = store.get_run(runs[user])
        assert run is not None
        assert run["run_user"] == user
    checks = [verdicts(webserver, run_id) for run_id in runs.values()]
    assert checks == [[True] * 3] * 3
    # Later than those: it would count among the requests that ran at their time.
    refused = launch_request(webserver, "dan", ["AAPLE"], "rsi")
    assert ended(webserver, refused) == "FAILURE"
    message, stack = error_of(webserver, refused)
    assert message.startswith("'AAPLE' is not among the ")
    assert message.endswith(" symbols of the universe. Did you mean 'AAPL'?")
    assert not stack


FOREIGN = {"Origin": "https://evil.example"}
REBOUND = {"Host": "evil.example:3000"}
JSON = {"Content-Type": "application/json"}
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Protocol": "graphql-ws",
}
REPORT = "/report_asset_materialization/prices"
LAUNCH_CONFIGURED = """
    mutation ($params: ExecutionParams!) { launchPipelineExecution(executionParams: $params) {
        __typename ... on RunConfigValidationInvalid { errors { message } } } }
"""
ATTACKS = (
    ("GET", f"/graphql?{AS_PARAMETERS}", {}, None, 400),
    ("GET", f"/graphql?{AS_PARAMETERS}", FOREIGN, None, 403),
    ("GET", "/graphql", REBOUND, None, 403),
    ("GET", "/graphql", UPGRADE | FOREIGN, None, 403),
    ("GET", "/graphql", UPGRADE | REBOUND, None, 403),
    ("GET", "/download_debug/x", REBOUND, None, 403),
    ("GET", "/logs/x/y.err", FOREIGN, None, 403),
    ("GET", "/", REBOUND, None, 403),
    ("POST", f"/graphql?{AS_PARAMETERS}", {}, None, 400),
    ("POST", "/graphql", JSON | FOREIGN, AS_JSON, 403),
    ("POST", "/graphql", JSON | REBOUND, AS_JSON, 403),
    ("POST", "/graphql", JSON | {"Sec-Fetch-Site": "same-site"}, AS_JSON, 403),
    ("POST", "/graphql", {"Content-Type": "text/plain; application/json"}, AS_JSON, 400),
    ("POST", REPORT, {}, None, 400),
    ("POST", REPORT, JSON | FOREIGN, "{}", 403),
    ("POST", "/report_asset_check/prices", {"Content-Type": "text/plain"}, "{}", 400),
    ("POST", "/report_asset_observation/prices", JSON | REBOUND, "{}", 403),
)


def test_requests_of_other_pages_are_refused(webserver: Webserver):
    before = count_runs(webserver), materialized(webserver)
    for method, path, headers, body, status in ATTACKS:
        seen, said = send(webserver, method, path, headers, body)
        assert (seen, said.count("\n")) == (status, 1), (method, path, headers, said)
        assert said.startswith("Refused: "), said
    assert (count_runs(webserver), materialized(webserver)) == before


def test_scripts_links_and_sockets_of_the_ui_are_answered(webserver: Webserver):
    own = {"Origin": webserver.url, "Sec-Fetch-Site": "same-origin"}
    query = json.dumps({"query": "{ version }"})
    for method, path, headers, body, status in (
        ("POST", "/graphql", JSON, query, 200),
        ("POST", "/graphql", JSON | own, query, 200),
        ("GET", "/graphql?query=%7Bversion%7D", {}, None, 200),
        ("GET", "/graphql", UPGRADE | own, None, 101),
        ("GET", "/server_info", {"Host": "localhost:1"}, None, 200),
        ("GET", "/", {"Sec-Fetch-Site": "none"}, None, 200),
    ):
        assert send(webserver, method, path, headers, body)[0] == status, (method, path, headers)


def test_the_newest_report_is_beside_the_ui(webserver: Webserver):
    folder = webserver.folder / ".data" / "reports" / "some-run"
    folder.mkdir(parents=True)
    (folder / "index.html").write_text("a report")
    assert send(webserver, "GET", "/reports/", {}, None)[0] == 307
    assert send(webserver, "GET", "/reports/some-run/index.html", {}, None) == (200, "a report")
    assert send(webserver, "GET", "/reports/../universe.csv", {}, None)[0] == 404
    status, said = send(webserver, "GET", "/reports/", REBOUND, None)
    assert (status, said.partition(":")[0]) == (403, "Refused")
    shutil.rmtree(folder)


def test_run_config_that_names_a_place_is_not_launched(webserver: Webserver):
    before = count_runs(webserver)
    for resource, field, variable in (
        ("price_store", "root", "GAUNTLET_PRICE_STORE"),
        ("result_store", "database_url", "DATABASE_URL"),
        ("market_data", "prices", "GAUNTLET_PRICES"),
    ):
        config = {"resources": {resource: {"config": {field: "http://me:sesame@127.0.0.1/x"}}}}
        params = {
            "selector": {
                "repositoryLocationName": "gauntlet",
                "repositoryName": "__repository__",
                "pipelineName": "nightly",
            },
            "runConfigData": json.dumps(config),
            "mode": "default",
        }
        said = webserver.query(LAUNCH_CONFIGURED, params=params)["launchPipelineExecution"]
        assert said["__typename"] == "RunConfigValidationInvalid"
        (error,) = said["errors"]
        assert error["message"].endswith(
            f" Run config can't set {resource}.{field}: set {variable} in the environment of the "
            "server instead, or allow it there by GAUNTLET_PLACES_IN_RUN_CONFIG=1."
        )
        assert "sesame" not in error["message"]
    assert count_runs(webserver) == before


def test_only_loopback_is_listened_on(webserver: Webserver):
    port = urlsplit(webserver.url).port
    listening = [
        tuple(one.laddr)
        for one in psutil.net_connections("inet")
        if one.status == psutil.CONN_LISTEN
    ]
    assert [one for one in listening if one[1:] == (port,)] == [("127.0.0.1", port)]


def send(
    webserver: Webserver, method: str, path: str, headers: dict[str, str], body: str | None
) -> tuple[int, str]:
    """Send one request; return status and body, which is empty for a switched protocol."""
    connection = HTTPConnection(urlsplit(webserver.url).netloc, timeout=120)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, "" if answer.status == 101 else answer.read().decode()
    finally:
        connection.close()


def number_of_checks(webserver: Webserver) -> int:
    """Return the number of checks in a run of all assets."""
    nodes = assets(webserver).values()
    return sum(len(checks_of(asset)) for asset in nodes if asset["isMaterializable"])


def added(before: dict[str, set[str]], after: dict[str, set[str]]) -> dict[str, set[str]]:
    return {name: after[name] - before[name] for name in before}
