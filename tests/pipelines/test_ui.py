"""Actions of users in the Dagster UI, sent to a real webserver as the UI sends them."""

from collections.abc import Iterator

import pytest

from resources.result_store.resource import ResultStore
from strategies.registry import registered_strategies
from tests.pipelines.graphql import (
    assets,
    backfill_ended,
    checks_of,
    ended,
    error_of,
    launch_backfill,
    launch_request,
    launch_run,
    materialized,
    verdicts,
)
from tests.pipelines.webserver import Webserver, running_webserver

# One worker of pytest-xdist: two webservers at once would starve each other.
pytestmark = [pytest.mark.ui, pytest.mark.xdist_group("ui")]

BACKTESTS = {f"backtests/{name}" for name in registered_strategies()}


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
    # The leaderboard's check warns: it is of one symbol of the universe.
    assert sorted(verdicts(webserver, run_id)) == [
        False,
        *[True] * (number_of_checks(webserver) - 1),
    ]


def test_a_backfill_materializes_only_its_symbols(webserver: Webserver):
    before = materialized(webserver)
    backfill_id = launch_backfill(webserver, ["MSFT", "GOOGL", "TSLA"])
    backfill = backfill_ended(webserver, backfill_id)
    assert backfill["status"] == "COMPLETED_SUCCESS"
    assert backfill["numPartitions"] == 3
    selected = {"MSFT", "GOOGL", "TSLA"}
    assert added(before, materialized(webserver)) == dict.fromkeys(before, selected)
    # One run per contiguous range: MSFT to GOOGL, TSLA, and then the unpartitioned assets.
    assert [run["status"] for run in backfill["runs"]] == ["SUCCESS"] * 3
    passed = [verdicts(webserver, run["id"]) for run in backfill["runs"]]
    checks = number_of_checks(webserver) - 1
    assert sorted(passed) == [[False], [True] * checks, [True] * checks]


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


def number_of_checks(webserver: Webserver) -> int:
    """Return the number of checks in a run of all assets."""
    nodes = assets(webserver).values()
    return sum(len(checks_of(asset)) for asset in nodes if asset["isMaterializable"])


def added(before: dict[str, set[str]], after: dict[str, set[str]]) -> dict[str, set[str]]:
    return {name: after[name] - before[name] for name in before}
