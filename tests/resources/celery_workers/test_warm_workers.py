"""Runs in warm workers: a real Redis, webserver, daemon and worker, and faults of each."""

import random
import signal
from collections.abc import Iterator

import psutil
import pytest
from celery import Celery
from kombu.serialization import enable_insecure_serializers

from resources.celery_workers.app import TASK, build_settings
from resources.celery_workers.launcher import EDITION_TAG
from resources.result_store.resource import ResultStore
from tests.pipelines.graphql import RUN_WITHIN, ended, launch_request, terminate
from tests.pipelines.webserver import SYMBOLS, Webserver
from tests.redis import PASSWORD, needs_redis
from tests.resources.celery_workers.served import PROCESSES, RUNS_PER_PROCESS, Served, serving

pytestmark = [pytest.mark.ui, pytest.mark.xdist_group("ui"), needs_redis]

USERS = 20
STRATEGIES = ("sma_cross", "rsi", "macd", "bollinger", "momentum")
RETRIED_WITHIN = 120.0
RELOAD = """
    mutation { reloadRepositoryLocation(repositoryLocationName: "gauntlet") {
        __typename ... on WorkspaceLocationEntry { locationOrLoadError { __typename } } } }
"""
FORCE_CANCEL = """
    mutation ($id: String!) {
        terminateRun(runId: $id, terminatePolicy: MARK_AS_CANCELED_IMMEDIATELY) { __typename } }
"""
NEW_STRATEGY = '''"""Added while the worker runs."""
from dataclasses import dataclass

from strategies.rsi import Rsi


@dataclass(frozen=True)
class Renamed(Rsi):
    """The same rule under another name."""
'''


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving() as started:
        yield started


def request(webserver: Webserver, user: str, strategy: str = "rsi") -> str:
    return launch_request(webserver, user, ["AAPL", "MSFT"], strategy)


def hold(served: Served, user: str) -> tuple[str, psutil.Process]:
    """Launch a request that waits while it runs; return it and its process."""
    held, asked = served.webserver.folder / "held", served.webserver.folder / "hold"
    held.unlink(missing_ok=True)
    asked.write_text(run_id := request(served.webserver, user))
    served.webserver.wait_until("the run is held", held.exists, bool, RUN_WITHIN)
    return run_id, psutil.Process(int(held.read_text()))


def release(served: Served) -> None:
    (served.webserver.folder / "hold").unlink()


def connect(served: Served) -> Celery:
    url = served.redis.url
    app = Celery("test", broker=url, backend=url)
    app.conf.update(build_settings(url))
    return app


def test_twenty_requests_succeed_and_none_is_mixed_up(served: Served):
    webserver, rng = served.webserver, random.Random(20)  # noqa: S311 - a scenario
    before = {one.pid for one in served.processes()}
    wanted = {
        f"user{number:02}": (sorted(rng.sample(SYMBOLS, 3)), rng.choice(STRATEGIES))
        for number in range(USERS)
    }
    runs = {user: launch_request(webserver, user, *of) for user, of in wanted.items()}
    assert [ended(webserver, run_id) for run_id in runs.values()] == ["SUCCESS"] * USERS
    store = ResultStore(home=str(webserver.folder / ".data")).manager()
    for user, run_id in runs.items():
        rows, run = store.get_backtests_by_run(run_id), store.get_run(run_id)
        found = sorted(rows["symbol"]), set(rows["strategy"]), run and run["run_user"]
        assert found == (wanted[user][0], {wanted[user][1]}, user)
        # What a run prints is its own, and is kept.
        printed = read_printed(webserver, run_id)
        assert f"{run_id} - answer - 3 of 3 symbols" in printed
        assert not any(other in printed for other in runs.values() if other != run_id)
    # Processes are replaced before they grow, by forks of the one that never executed a run.
    assert USERS > PROCESSES * RUNS_PER_PROCESS / 2
    assert len(before & {one.pid for one in served.processes()}) < PROCESSES


def read_printed(webserver: Webserver, run_id: str) -> str:
    """Return what the process of a run printed, as it is kept for the Dagster UI."""
    logs = (webserver.folder / ".data/dagster/compute_logs").rglob(f"{run_id}/**/*.err")
    return "".join(path.read_text() for path in logs)


def test_a_canceled_run_is_canceled_and_not_retried(served: Served):
    # New ones: a process ends by itself after its last run.
    for one in served.processes():
        one.kill()
    run_id, process = hold(served, "ann")
    terminate(served.webserver, run_id)
    assert ended(served.webserver, run_id) == "CANCELED"
    release(served)
    waiting = launch_and_force_cancel(served)
    # Its process is still good, and a retry would have been launched before this one.
    assert process.is_running()
    assert ended(served.webserver, request(served.webserver, "ann")) == "SUCCESS"
    assert served.retries(run_id) == served.retries(waiting) == []
    assert not any(text.startswith("Started process") for text in served.messages(waiting))


def launch_and_force_cancel(served: Served) -> str:
    """Launch a request while no process is free, and mark it as canceled; return it."""
    for one in served.processes():
        one.suspend()
    try:
        run_id = request(served.webserver, "ann")
        served.webserver.wait_until(
            "it waits for a process", lambda: served.status(run_id), "STARTING".__eq__, RUN_WITHIN
        )
        served.webserver.query(FORCE_CANCEL, id=run_id)
        assert served.status(run_id) == "CANCELED"
    finally:
        for one in served.processes():
            one.resume()
    return run_id


def test_a_run_whose_process_is_killed_is_retried_once(served: Served):
    run_id, process = hold(served, "bob")
    process.send_signal(signal.SIGKILL)
    assert ended(served.webserver, run_id) == "FAILURE"
    assert any("its process was killed" in text for text in served.messages(run_id))
    release(served)
    (retry,) = served.webserver.wait_until(
        "it was started again",
        lambda: served.retries(run_id),
        lambda seen: [run["status"] for run in seen] == ["SUCCESS"],
        RETRIED_WITHIN,
    )
    # The broker delivers a task again whose worker it lost: a run that has ended is left alone.
    queue, seen = f"gauntlet-{served.tags(run_id)[EDITION_TAG]}", len(served.messages(run_id))
    app = connect(served)
    for known, status in ((run_id, "FAILURE"), (retry["runId"], "SUCCESS")):
        assert app.send_task(TASK, [known], queue=queue).get(timeout=60) == status
    assert len(served.messages(run_id)) == seen


def test_without_its_broker_a_run_fails_in_one_line(served: Served):
    held, _ = hold(served, "cid")
    served.redis.kill()
    refused = request(served.webserver, "dan")
    assert ended(served.webserver, refused) == "FAILURE"
    (error,) = (text for text in served.messages(refused) if "can't be reached" in text)
    assert f"The broker redis://***@127.0.0.1:{served.redis.port}/0 can't be reached" in error
    release(served)  # what runs needs no broker
    assert ended(served.webserver, held) == "SUCCESS"
    served.redis.start()
    connected = (served.webserver.folder / "alive").stat().st_mtime_ns
    assert ended(served.webserver, request(served.webserver, "cid")) == "SUCCESS"
    served.webserver.wait_until(
        "the worker says again that it is connected",
        lambda: (served.webserver.folder / "alive").stat().st_mtime_ns,
        connected.__ne__,
        RUN_WITHIN,
    )
    for path in (served.log, served.webserver.log):
        assert PASSWORD not in path.read_text()
    for path in (served.webserver.folder / ".data/dagster").rglob("*"):
        assert not path.is_file() or PASSWORD.encode() not in path.read_bytes(), path


def test_a_worker_with_older_code_does_not_get_a_run(served: Served):
    webserver = served.webserver
    old = request(webserver, "eve")
    assert ended(webserver, old) == "SUCCESS"
    strategies = webserver.folder / "strategies"
    (strategies / "renamed.py").write_text(NEW_STRATEGY)
    edited = strategies / "rsi.py"
    edited.write_text(edited.read_text() + "# edited\n")
    # A process that is forked now has the code that the worker imported, and not that of the files.
    for process in served.processes():
        process.kill()
    refused = request(webserver, "eve")
    assert ended(webserver, refused) == "FAILURE"
    assert "was edited while this run used it" in read_printed(webserver, refused)
    webserver.query(RELOAD)
    new = request(webserver, "eve", "renamed")
    assert ended(webserver, new) == "SUCCESS", served.log.read_text()[-2000:]
    editions = [served.tags(run_id)[EDITION_TAG] for run_id in (old, refused, new)]
    assert editions[0] == editions[1] != editions[2]
    assert f"Runs wait for edition {editions[2]}" in served.log.read_text()


def test_a_worker_refuses_pickles(served: Served):
    # Whoever can write to the broker can't run a program in a worker.
    run_id = request(served.webserver, "fay")
    assert ended(served.webserver, run_id) == "SUCCESS"
    queue = f"gauntlet-{served.tags(run_id)[EDITION_TAG]}"
    app = connect(served)
    enable_insecure_serializers(["pickle"])
    app.conf.update(task_serializer="pickle", accept_content=["pickle"])
    app.send_task(TASK, [run_id], queue=queue, serializer="pickle")
    served.webserver.wait_until(
        "it is refused", served.log.read_text, lambda log: "ContentDisallowed" in log, RUN_WITHIN
    )
    assert ended(served.webserver, request(served.webserver, "fay")) == "SUCCESS"
