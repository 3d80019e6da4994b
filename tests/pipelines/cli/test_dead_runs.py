"""Runs whose process was killed are found by the next command; a living one never is."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.launcher import WorkerStatus

from pipelines.automation.failure_reason import find_failure_reason
from resources.run_processes.dead_runs import end_dead_runs
from tests.pipelines.cli.command import ROOT, environment, lay_out

HELD = "held by hand"
_HOLD = f"""
import sys, time
from resources.run_artifacts.backtest_files import BacktestFiles
def write(self, *rest): print({HELD!r}, file=terminal, flush=True); time.sleep(600)
BacktestFiles.write = write
import os
terminal = os.fdopen(os.dup(1), "w")
"""
_MAKE_RUN = "from pipelines.cli.main_job import main; sys.exit(main(['--symbol', 'AAPL']))"
_DAGSTER = """
from dagster._cli import main
sys.argv = ["dagster", "asset", "materialize", "--select", "*", "--partition", "MSFT",
            "-m", "pipelines.definitions"]
main()
"""


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """Lend the instance of a project's folder with two symbols."""
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "1000")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    lay_out(tmp_path, ["AAPL", "MSFT"])
    with dg.DagsterInstance.get() as opened:
        yield opened


def _start_and_hold(program: str, database: str) -> subprocess.Popen[str]:
    """Start a program in the current folder, and wait until its run has computed results."""
    process = subprocess.Popen(
        [sys.executable, "-c", f"{_HOLD}{program}"],
        env=environment(database, DAGSTER_HOME=str(Path.cwd()), PYTHONPATH=str(ROOT)),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout
    assert any(line.strip() == HELD for line in process.stdout), "the run has ended"
    return process


def _status(instance: dg.DagsterInstance, run_id: str) -> str:
    run = instance.get_run_by_id(run_id)
    assert run
    return run.status.value


def test_killed_runs_end_and_are_retried_but_not_stopped_ones(
    instance: dg.DagsterInstance, database: str
):
    first = _start_and_hold(_MAKE_RUN, database)
    (killed,) = instance.get_runs()
    second = _start_and_hold(_DAGSTER, database)
    (canceled,) = (run for run in instance.get_runs() if run.run_id != killed.run_id)
    for process in (first, second):
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED)
    assert end_dead_runs(instance) == []
    for run in (killed, canceled):
        seen = instance.run_launcher.check_run_worker_health(run)
        assert seen.status == WorkerStatus.RUNNING
        assert _status(instance, run.run_id) == "STARTED"
    for process in (first, second):
        process.kill()
        process.communicate()

    assert instance.run_launcher.terminate(canceled.run_id)
    assert _status(instance, canceled.run_id) == "CANCELED"
    retried = subprocess.run(
        [sys.executable, "-m", "pipelines.cli.retry"],
        env=environment(database, PYTHONPATH=str(ROOT)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert retried.returncode == 0, retried.stdout + retried.stderr
    lines = retried.stdout.splitlines()
    assert (
        lines[0]
        == f"1 earlier run has no process any more, and so ended: {killed.run_id[:8]} FAILURE"
    )
    assert lines[1].startswith("2 symbols failed or are missing")
    assert _status(instance, killed.run_id) == "FAILURE"
    assert find_failure_reason(instance, killed.run_id) == (
        "The run is not executed any more: its process was killed or ended without a word "
        f"(process {first.pid} of {os.uname()[1]})."
    )
    assert instance.get_materialized_partitions(dg.AssetKey("prices")) == {"AAPL", "MSFT"}


def test_terminate_interrupts_a_run_of_the_command_line(
    instance: dg.DagsterInstance, database: str
):
    process = _start_and_hold(_MAKE_RUN, database)
    (run,) = instance.get_runs()
    assert instance.run_launcher.terminate(run.run_id)
    process.communicate()
    assert process.returncode == 130
    assert _status(instance, run.run_id) == "CANCELED"


_DIES_BEFORE_ITS_STATUS = """
import os
import dagster as dg
from dagster._core.storage.runs import SqliteRunStorage
write = SqliteRunStorage.handle_run_event
def die_or_write(self, run_id, event, *rest):
    if event.event_type_value == "PIPELINE_SUCCESS":
        os.kill(os.getpid(), 9)
    write(self, run_id, event, *rest)
SqliteRunStorage.handle_run_event = die_or_write
@dg.job
def nothing(): pass
with dg.DagsterInstance.get() as instance:
    nothing.execute_in_process(instance=instance)
"""


def test_a_run_killed_after_its_last_event_keeps_its_outcome(instance: dg.DagsterInstance):
    killed = subprocess.run(
        [sys.executable, "-c", _DIES_BEFORE_ITS_STATUS],
        env=environment(None, DAGSTER_HOME=str(Path.cwd()), PYTHONPATH=str(ROOT)),
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    (run,) = instance.get_runs()
    assert run.status.value == "STARTED"
    assert [one.run_id for one in end_dead_runs(instance)] == [run.run_id]
    assert _status(instance, run.run_id) == "SUCCESS"
