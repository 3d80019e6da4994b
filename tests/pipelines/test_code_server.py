"""Runs are forks of a template: what they inherit, and what happens when one of the two is gone.

A real webserver, daemon and code server on a copy of the project, whose files are edited.
"""

import json
import shutil
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import dagster as dg
import psutil
import pytest
from dagster._core.launcher import WorkerStatus

from tests.pipelines.graphql import RUN_WITHIN, ended, launch_request, terminate
from tests.pipelines.webserver import SYMBOLS, Webserver, running_webserver

pytestmark = [pytest.mark.ui, pytest.mark.xdist_group("ui")]

ROOT = Path(__file__).parents[2]
PACKAGES = (
    "strategies",
    "engine",
    "research",
    "resources",
    "reports",
    "assets",
    "pipelines",
    "migrations",
)
BURST = 8

# They see to a fork themselves, or wait for what no fork asks of them.
SAFE_THREADS = {"python", "jemalloc_bg_thd", "polars-ooc-clea"}

RELOAD = """
    mutation { reloadRepositoryLocation(repositoryLocationName: "gauntlet") { __typename } }
"""
RUNS = """
    { runsOrError { ... on Runs { results { runId status tags { key value } } } } }
"""


@pytest.fixture(scope="module")
def webserver() -> Iterator[Webserver]:
    def lay_out(folder: Path) -> dict[str, str]:
        for name in PACKAGES:
            unused = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, folder / name, ignore=unused)
        workspace = folder / "workspace.yaml"
        text = workspace.read_text().replace("pipelines.definitions", "tests.pipelines.watched")
        workspace.write_text(text)
        return {"PYTHONPATH": f"{folder}:{ROOT}"}

    with running_webserver(lay_out) as started:
        yield started


def test_runs_are_different_forks_that_import_little(webserver: Webserver):
    assert succeed(webserver, "first")
    template, server = find_template(webserver), find_template(webserver).parent()
    assert server is not None
    before = (template.memory_info().rss, template.num_fds(), server.num_fds())
    launched = {f"user{one}": launch(webserver, f"user{one}") for one in range(BURST)}
    assert {ended(webserver, run) for run in launched.values()} == {"SUCCESS"}
    seen = [began(webserver, user) for user in launched]
    assert {one["parent"] for one in seen} == {template.pid}
    assert len({one["pid"] for one in seen}) == BURST
    for generator in (0, 1):
        assert len({one["random"][generator] for one in seen}) == BURST
    assert imported(webserver, "user0") <= {"polars"}  # of which a few modules are lazy
    assert thread_names(template) <= SAFE_THREADS
    webserver.wait_until(
        "the code server has closed what it had of ended runs",
        lambda: (template.num_fds(), server.num_fds()),
        lambda now: now[0] <= before[1] and now[1] <= before[2] + 2,
        RUN_WITHIN,
    )
    assert template.memory_info().rss - before[0] < 5_000_000


def test_a_canceled_fork_ends_and_only_killed_ones_are_retried(
    webserver: Webserver, monkeypatch: pytest.MonkeyPatch
):
    canceled, killed = hold(webserver, "canceled"), hold(webserver, "killed")
    terminate(webserver, canceled)
    assert ended(webserver, canceled) == "CANCELED"
    monkeypatch.chdir(webserver.folder)  # to which the paths of dagster.yaml are relative
    with dg.DagsterInstance.from_config(str(webserver.folder)) as instance:
        run = instance.get_run_by_id(killed)
        assert run
        seen = instance.run_launcher.check_run_worker_health(run)
        assert seen.status == WorkerStatus.RUNNING
    release(webserver, "killed")
    assert ended(webserver, killed) == "FAILURE"
    webserver.wait_until(
        "the killed run was retried",
        lambda: retries(webserver, killed),
        ["SUCCESS"].__eq__,
        RUN_WITHIN,
    )
    assert retries(webserver, canceled) == []


def test_runs_of_a_killed_template_go_on_and_new_ones_start(webserver: Webserver):
    going_on, killed = hold(webserver, "going_on"), hold(webserver, "orphan")
    template = find_template(webserver)
    template.kill()
    assert succeed(webserver, "next")
    assert began(webserver, "next")["parent"] == find_template(webserver).pid != template.pid
    assert status(webserver, going_on) == status(webserver, killed) == "STARTED"
    release(webserver, "orphan")
    assert ended(webserver, killed) == "FAILURE"
    (webserver.folder / "going_on.hold").unlink()
    assert ended(webserver, going_on) == "SUCCESS"


def test_runs_use_edited_code_with_and_without_reload(webserver: Webserver):
    assert succeed(webserver, "before")
    assert began(webserver, "before")["edition"] is None
    edit(webserver, 1)
    # Emacs has a lock beside a file that is being edited: a link to nowhere.
    (webserver.folder / "strategies/.#rsi.py").symlink_to("ann@host.4711:1")
    assert succeed(webserver, "edited")
    assert began(webserver, "edited")["edition"] == 1
    before = find_template(webserver)
    edit(webserver, 2)
    assert webserver.query(RELOAD)["reloadRepositoryLocation"]["__typename"] == (
        "WorkspaceLocationEntry"
    )
    assert succeed(webserver, "reloaded")
    assert began(webserver, "reloaded")["edition"] == 2
    before.wait(RUN_WITHIN)


def test_a_run_says_what_its_template_can_not_import(webserver: Webserver):
    handler = webserver.folder / "assets/requests/handler.py"
    whole = handler.read_text()
    handler.write_text(f"{whole}\nthis is no Python\n")
    broken = launch(webserver, "broken")
    assert ended(webserver, broken) == "FAILURE"
    handler.write_text(whole)
    assert succeed(webserver, "whole")


def test_strategies_that_query_when_imported_hang_no_run(webserver: Webserver):
    before = find_template(webserver)
    strategy = webserver.folder / "strategies/rsi.py"
    whole = strategy.read_text()
    strategy.write_text(f"{whole}\nimport polars\nDAYS = polars.Series([2, 1]).sort()\n")
    assert succeed(webserver, "queries")
    assert thread_names(find_template(webserver)) <= SAFE_THREADS
    assert "Code that is imported starts threads" in webserver.log.read_text()
    assert "assets" in imported(webserver, "queries")
    strategy.write_text(whole)
    assert succeed(webserver, "queries_no_more")
    assert imported(webserver, "queries_no_more") <= {"polars"}
    before.wait(RUN_WITHIN)


def edit(webserver: Webserver, edition: int) -> None:
    """Change what a request does, and the source of a strategy, which is part of its version."""
    for name in ("assets/requests/handler.py", "strategies/rsi.py"):
        with (webserver.folder / name).open("a") as file:
            file.write(f"\nEDITION = {edition}\n")


def launch(webserver: Webserver, user: str) -> str:
    return launch_request(webserver, user, SYMBOLS[:2], "rsi")


def succeed(webserver: Webserver, user: str) -> bool:
    assert ended(webserver, launch(webserver, user)) == "SUCCESS", webserver.log_tail()
    return True


def hold(webserver: Webserver, user: str) -> str:
    """Launch a request that waits; return its run once it does."""
    (webserver.folder / f"{user}.hold").touch()
    run = launch(webserver, user)
    began = webserver.folder / f"{user}.began"
    webserver.wait_until("the request is held", began.exists, bool, RUN_WITHIN)
    return run


def release(webserver: Webserver, user: str) -> None:
    """Kill a request that waits; its retry will not."""
    (webserver.folder / f"{user}.hold").unlink()
    psutil.Process(began(webserver, user)["pid"]).send_signal(signal.SIGKILL)


def began(webserver: Webserver, user: str) -> dict[str, Any]:
    return json.loads((webserver.folder / f"{user}.began").read_text())


def imported(webserver: Webserver, user: str) -> set[str]:
    """Return the packages of which a run imported modules."""
    ended = webserver.folder / f"{user}.ended"
    webserver.wait_until("the run's process ends", ended.exists, bool, RUN_WITHIN)
    modules = json.loads(ended.read_text())
    return {module.partition(".")[0] for module in modules}


def status(webserver: Webserver, run_id: str) -> str:
    runs = webserver.query(RUNS)["runsOrError"]["results"]
    return next(run["status"] for run in runs if run["runId"] == run_id)


def retries(webserver: Webserver, run_id: str) -> list[str]:
    tag = {"key": "dagster/parent_run_id", "value": run_id}
    runs = webserver.query(RUNS)["runsOrError"]["results"]
    return [run["status"] for run in runs if tag in run["tags"]]


def find_template(webserver: Webserver) -> psutil.Process:
    """Return the newest process of which runs are forks: an old code server has its own."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            is_template = "multiprocessing.forkserver" in " ".join(process.cmdline())
            if is_template and Path(process.cwd()) == webserver.folder:
                found.append(process)
    parents = {process.pid for process in found}
    return max(
        (process for process in found if process.ppid() not in parents),
        key=psutil.Process.create_time,
    )


def thread_names(process: psutil.Process) -> set[str]:
    threads = Path(f"/proc/{process.pid}/task").iterdir()
    return {(thread / "comm").read_text().strip() for thread in threads}
