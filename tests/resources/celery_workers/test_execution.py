"""What watches a run in a worker, and what a worker refuses to fork."""

import subprocess
import sys
import time
from pathlib import Path

import dagster as dg
import pytest
from dagster._utils.interrupts import capture_interrupts, check_captured_interrupt

from resources.celery_workers import execution
from tests.instances import opened

_PRELOAD = """
import sys
import strategies
from pipelines.cli import worker
strategies.__path__.append(sys.argv[1])
try:
    worker._preload()
except worker.NoWorkerError as error:
    print(error)
"""


@dg.job
def nothing() -> None:
    """Do nothing."""


def test_a_status_that_can_not_be_read_once_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr(execution, "_SECONDS_BETWEEN_LOOKS", 0.05)
    with opened(tmp_path) as instance:
        run = instance.create_run_for_job(nothing, status=dg.DagsterRunStatus.STARTED)
        read, failures = instance.get_run_by_id, iter([ConnectionError("postgres://me:secret@db")])

        def read_after_failures(run_id: str) -> dg.DagsterRun | None:
            for error in failures:
                raise error
            return read(run_id)

        monkeypatch.setattr(instance, "get_run_by_id", read_after_failures)
        with capture_interrupts(), execution._interrupted_if_stopped(instance, run.run_id):
            while "can't be read" not in caplog.text:
                time.sleep(0.01)
            assert not check_captured_interrupt()
            instance.report_run_canceling(run)
            deadline = time.monotonic() + 120
            while not check_captured_interrupt():
                assert time.monotonic() < deadline
                time.sleep(0.01)
    assert "can't be read: ConnectionError" in caplog.text
    assert "secret" not in caplog.text


def test_code_that_queries_when_imported_is_refused(tmp_path: Path):
    (tmp_path / "querying.py").write_text("import polars\nDAYS = polars.Series([2, 1]).sort()\n")
    command = [sys.executable, "-c", _PRELOAD, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600)
    assert "code that is imported starts threads (" in done.stdout
    assert "A strategy must not compute when it is imported." in done.stdout
