"""Faults of production: bad symbols, killed and canceled runs, an overloaded provider.

A real webserver, daemon and run workers, over the universe of 110 symbols. Its backfill is launched
first and takes minutes, for most of which the daemon is idle; most tests do not wait for it.
"""

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import psutil
import psycopg
import pytest

from pipelines.partitions import build_partition_tags
from resources.price_store.store import PriceStore
from resources.result_store.manager import BacktestPersistenceManager
from resources.result_store.resource import ResultStore
from resources.universe import load_universe
from tests.pipelines.graphql import (
    RUN_WITHIN,
    assets,
    backfill_ended,
    ended,
    failed,
    failed_and_missing,
    launch_backfill,
    launch_run,
    made_by,
    materialized,
    retry_backfill,
    terminate,
)
from tests.pipelines.webserver import Webserver, running_webserver
from tests.postgres import fresh_database
from tests.project import END, FEW_ASSETS, START, Project, write_good, write_impossible

pytestmark = [pytest.mark.ui, pytest.mark.xdist_group("ui")]

ROOT = Path(__file__).parents[2]
UNIVERSE = load_universe(ROOT / "universe.csv").symbols
PARTITIONED = FEW_ASSETS[:-1]
BAD = {"KO", "MSFT", "UNP"}

# The sensor runs once a minute, and then the requested run has to be executed.
RETRIED_WITHIN = 480.0
# A terminated run takes as long as its process to unwind; a dead one is found by run monitoring.
STOPPED_WITHIN = 120.0

# Run monitoring looks every 10 s, the sensor that finds runs which never began once a minute.
DEAD_WITHIN = 480.0

RUNS = "{ runsOrError { ... on Runs { results { runId status } } } }"
REASON = """
    query ($id: ID!) { runOrError(runId: $id) { ... on Run {
        eventConnection(limit: 10000) { events { ... on RunFailureEvent { message } } } } } }
"""
RETRIES = """
    query ($tag: ExecutionTag!) { runsOrError(filter: { tags: [$tag] }) { ... on Runs {
        results { runId status jobName tags { key value } } } } }
"""


@pytest.fixture(scope="module")
def database(server: str) -> Iterator[str]:
    with fresh_database(server) as url:
        yield url


@pytest.fixture(scope="module")
def store(database: str) -> BacktestPersistenceManager:
    return ResultStore(database_url=database, home="").manager()


@pytest.fixture(scope="module")
def webserver(database: str) -> Iterator[Webserver]:
    def lay_out(folder: Path) -> dict[str, str]:
        shutil.copy(ROOT / "universe.csv", folder)
        (folder / "prices").mkdir()
        for symbol in UNIVERSE:
            write_good(feed(folder, symbol))
        workspace = folder / "workspace.yaml"
        text = workspace.read_text().replace("pipelines.definitions", "tests.pipelines.faulty")
        workspace.write_text(text)
        return {
            "PYTHONPATH": str(ROOT),
            "DATABASE_URL": database,
            "GAUNTLET_SOURCE": "files",
            "GAUNTLET_PRICES": str(folder / "prices"),
            "GAUNTLET_START": START.isoformat(),
            "GAUNTLET_END": END.isoformat(),
        }

    with running_webserver(lay_out) as started:
        yield started


@pytest.fixture(scope="module", autouse=True)
def backfill_of_110(webserver: Webserver) -> str:
    """Launch the backfill in which three symbols fail for different reasons; return its id."""
    spoil(webserver.folder)
    return launch_backfill(webserver, UNIVERSE, FEW_ASSETS)


def feed(folder: Path, symbol: str) -> Path:
    return folder / "prices" / f"{symbol}.csv"


def spoil(folder: Path) -> None:
    feed(folder, "KO").unlink()
    write_impossible(feed(folder, "MSFT"))
    feed(folder, "UNP").write_text("date,open,high,low,close,volume\n")


def of_few(partitions: dict[str, set[str]]) -> dict[str, set[str]]:
    return {name: partitions[name] for name in PARTITIONED}


def each(symbols: set[str]) -> dict[str, set[str]]:
    return {name: set(symbols) for name in PARTITIONED}


def test_runs_of_a_killed_ui_fail_and_what_waited_goes_on(
    webserver: Webserver, backfill_of_110: str
):
    backfill_ended(webserver, backfill_of_110)  # its run shall not die
    held, hold, hold_import = (webserver.folder / name for name in ("held", "hold", "hold_import"))
    backfill = launch_backfill(webserver, ["CVS", "XOM"], FEW_ASSETS)
    (of_backfill, *_) = webserver.wait_until(
        "the backfill has a run",
        lambda: tagged(webserver, "dagster/backfill", backfill),
        bool,
        RETRIED_WITHIN,
    )
    hold.write_text(of_backfill["runId"])
    webserver.wait_until("the backfill's run is held", held.exists, bool, RUN_WITHIN)
    hold_import.touch()
    of_ann = build_partition_tags("XOM", "CVS") | {"user": "ann"}
    launched = [launch_run(webserver, of_ann, ["prices"]) for _ in range(3)]
    webserver.wait_until(
        "two of three wait for their process, the third in the queue",
        lambda: sorted(statuses(webserver)[run] for run in launched),
        ["QUEUED", "STARTING", "STARTING"].__eq__,
        RUN_WITHIN,
    )
    before = statuses(webserver)
    died = [run for run, status in before.items() if status in {"STARTED", "STARTING"}]
    assert len(died) == 3
    webserver.kill()
    hold.unlink()
    hold_import.unlink()
    webserver.start()
    webserver.wait_until(
        "the runs of dead processes have failed",
        lambda: {statuses(webserver)[run] for run in died},
        {"FAILURE"}.__eq__,
        DEAD_WITHIN,
    )
    for run in died:
        assert why_failed(webserver, run).startswith("The run is not executed any more: ")
    (waiting,) = set(launched) - set(died)
    assert ended(webserver, waiting) == "SUCCESS", webserver.log_tail()
    assert backfill_ended(webserver, backfill)["status"] == "COMPLETED_SUCCESS"


def test_a_canceled_run_stops_and_leaves_no_partial_result(
    webserver: Webserver, store: BacktestPersistenceManager
):
    run_id, worker = launch_and_hold(webserver, "XOM", "CVS")
    children = worker.children(recursive=True)
    terminate(webserver, run_id)
    assert ended(webserver, run_id) == "CANCELED"
    _, alive = psutil.wait_procs([worker, *children], timeout=STOPPED_WITHIN)
    assert not alive
    assert_no_partial_result(webserver, store, run_id)


def test_repeating_a_killed_run_gives_the_same_rows(
    webserver: Webserver,
    store: BacktestPersistenceManager,
    server: str,
    database: str,
    tmp_path: Path,
):
    # Backtests are compared with the prices of the universe, which are all stored from then on.
    wait_for_prices_of_backfill(webserver)
    first, last = "JPM", "WFC"
    run_id, worker = launch_and_hold(webserver, first, last)
    worker.send_signal(signal.SIGKILL)
    assert ended(webserver, run_id) == "FAILURE"
    assert_no_partial_result(webserver, store, run_id)

    again = launch_run(webserver, build_partition_tags(first, last), FEW_ASSETS)
    assert ended(webserver, again) == "SUCCESS", webserver.log_tail()
    with fresh_database(server) as url, dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        undisturbed = Project(webserver.folder, instance, ResultStore(database_url=url, home=""))
        prices = PriceStore(root=str(webserver.folder / ".data" / "prices"))
        definitions = undisturbed.definitions(price_store=prices)
        result = undisturbed.run((first, last), definitions=definitions)
        assert result.success
        expected = stored(url, result.run_id)
    assert len(expected) == 3 * 2
    assert stored(database, again) == expected


def test_a_rejected_symbol_is_retried_by_the_daemon(
    webserver: Webserver, store: BacktestPersistenceManager
):
    # Otherwise the backfill would fetch them, and there would be nothing to retry.
    wait_for_prices_of_backfill(webserver)
    rejected = webserver.folder / "rejected"
    rejected.write_text("META")
    run_id = launch_run(webserver, build_partition_tags("META", "META"), ["prices"])
    assert ended(webserver, run_id) == "FAILURE"
    (failure,) = store.get_failures(run_id)
    assert failure["transient"]
    rejected.unlink()
    (retry,) = webserver.wait_until(
        "the daemon has retried it",
        lambda: retries_of(webserver, run_id),
        lambda seen: [run["status"] for run in seen] == ["SUCCESS"],
        RETRIED_WITHIN,
    )
    assert retry["jobName"] == "retry_failed"
    assert {"key": "gauntlet/attempt", "value": "1"} in retry["tags"]


def test_three_of_110_symbols_fail_and_a_retry_succeeds(
    webserver: Webserver, store: BacktestPersistenceManager, backfill_of_110: str
):
    backfill = backfill_ended(webserver, backfill_of_110)
    assert backfill["status"] == "COMPLETED_FAILED"
    assert failed_by_asset(backfill) == dict.fromkeys(PARTITIONED, len(BAD))
    assert of_few(materialized(webserver)) == each(set(UNIVERSE) - BAD)
    assert of_few(failed(webserver)) == each(BAD)
    assert of_few(failed_and_missing(webserver)) == each(BAD)
    # All stages of all symbols were one run. The daemon leaves the leaderboard out until no symbol
    # is missing.
    (run,) = backfill["runs"]
    assert run["status"] == "SUCCESS"
    failures = store.get_failures(run["id"])
    assert [(row["stage"], row["symbol"], row["error_class"]) for row in failures] == [
        ("prices", "KO", "UnknownSymbolError"),
        ("prices", "MSFT", "BadBarsError"),
        ("prices", "UNP", "NoBarsError"),
    ]

    for symbol in BAD:
        write_good(feed(webserver.folder, symbol))
    again = backfill_ended(webserver, retry_backfill(webserver, backfill_of_110))
    assert again["status"] == "COMPLETED_SUCCESS"
    assert set(again["assetBackfillData"]["rootTargetedPartitions"]["partitionKeys"]) == BAD
    assert of_few(materialized(webserver)) == each(set(UNIVERSE))
    assert of_few(failed_and_missing(webserver)) == each(set())
    ranked = assets(webserver)["leaderboard"]["assetMaterializations"]
    assert ranked[0]["runId"] in {run["id"] for run in again["runs"]}

    # The second night: the same symbols fail in a run that succeeds with the others.
    spoil(webserver.folder)
    second = launch_run(webserver, build_partition_tags(UNIVERSE[0], UNIVERSE[-1]), FEW_ASSETS)
    assert ended(webserver, second) == "SUCCESS", webserver.log_tail()
    assert of_few(failed(webserver)) == each(BAD)
    assert of_few(failed_and_missing(webserver)) == each(BAD)
    assert of_few(materialized(webserver)) == each(set(UNIVERSE) - BAD)


def wait_for_prices_of_backfill(webserver: Webserver) -> None:
    webserver.wait_until(
        "the backfill has fetched its prices",
        lambda: materialized(webserver)["prices"],
        (set(UNIVERSE) - BAD).issubset,
        RETRIED_WITHIN,
    )


def launch_and_hold(webserver: Webserver, first: str, last: str) -> tuple[str, psutil.Process]:
    """Launch a run over a range; return it and its process, which waits after its first part."""
    held, hold = webserver.folder / "held", webserver.folder / "hold"
    held.unlink(missing_ok=True)
    in_parts = "resources: {run_settings: {config: {batch_size: 2}}}"
    run_id = launch_run(webserver, build_partition_tags(first, last), FEW_ASSETS, in_parts)
    hold.write_text(run_id)
    webserver.wait_until("the run is held", held.exists, bool, RUN_WITHIN)
    return run_id, psutil.Process(int(held.read_text()))


def assert_no_partial_result(
    webserver: Webserver, store: BacktestPersistenceManager, run_id: str
) -> None:
    """Require that a run materialized no backtest, saved no row and left no temporary file."""
    assert made_by(webserver, run_id) == {"prices"}
    assert store.get_backtests_by_run(run_id).is_empty()
    assert not list((webserver.folder / ".data").rglob("*.tmp"))


def stored(database: str, run_id: str) -> list[str]:
    """Return every backtest and trade of a run as text, without times, runs and parts.

    A number in JSON has all its digits: equal texts are equal bits.
    """
    query = """
        SELECT (to_jsonb(b) - '{run_id, part, created_at, updated_at}'::text[])::text
            || coalesce(string_agg((to_jsonb(t) - 'id')::text, ' ' ORDER BY t), '')
        FROM run_backtests m JOIN backtests b ON b.id = m.backtest_id
        LEFT JOIN trades t ON t.backtest_id = b.id
        WHERE m.run_id = %s GROUP BY b.id ORDER BY b.id
    """
    with psycopg.connect(database.replace("+psycopg", "")) as connection:
        return [row[0] for row in connection.execute(query, [run_id])]


def statuses(webserver: Webserver) -> dict[str, str]:
    return {run["runId"]: run["status"] for run in webserver.query(RUNS)["runsOrError"]["results"]}


def why_failed(webserver: Webserver, run_id: str) -> str:
    events = webserver.query(REASON, id=run_id)["runOrError"]["eventConnection"]["events"]
    (message,) = (event["message"] for event in events if event)
    return message


def retries_of(webserver: Webserver, run_id: str) -> list[dict[str, Any]]:
    return tagged(webserver, "gauntlet/retry_of", run_id)


def tagged(webserver: Webserver, key: str, value: str) -> list[dict[str, Any]]:
    tag = {"key": key, "value": value}
    return webserver.query(RETRIES, tag=tag)["runsOrError"]["results"]


def failed_by_asset(backfill: dict[str, Any]) -> dict[str, int]:
    return {
        "/".join(status["assetKey"]["path"]): status["numPartitionsFailed"]
        for status in backfill["assetBackfillData"]["assetBackfillStatuses"]
        if status
    }
