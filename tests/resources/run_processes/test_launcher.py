"""Runs are canceled whatever became of the code server that started them."""

import json
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.tags import GRPC_INFO_TAG

from resources.run_processes.dead_runs import get_claims
from resources.run_processes.launcher import LocalRunLauncher
from tests.instances import opened

_PROGRAM = """
import sys, time
from pathlib import Path
from resources.run_processes.claims import RunClaims
RunClaims(Path(sys.argv[1])).hold(sys.argv[2])
print("held", flush=True)
try:
    time.sleep(600)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


@dg.job
def nothing() -> None:
    """Do nothing."""


@pytest.mark.parametrize("served", [False, True])
def test_a_run_is_interrupted_without_its_code_server(tmp_path: Path, served: bool):
    gone = {"host": "localhost", "socket": str(tmp_path / "gone.sock")}
    tags = {GRPC_INFO_TAG: json.dumps(gone)} if served else {}
    with opened(tmp_path) as instance:
        run = instance.create_run_for_job(nothing, status=dg.DagsterRunStatus.STARTED, tags=tags)
        claims = Path(instance.storage_directory()).with_name("processes")
        command = [sys.executable, "-c", _PROGRAM, str(claims), run.run_id]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            assert process.stdout.readline() == "held\n"
            assert get_claims(instance).find_holder(run.run_id)
            launcher = LocalRunLauncher()
            launcher.register_instance(instance)
            assert launcher.terminate(run.run_id)
            assert process.stdout.readline() == "interrupted\n"
        after = instance.get_run_by_id(run.run_id)
        assert after
        assert after.status == dg.DagsterRunStatus.CANCELING
        said = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.PIPELINE_CANCELING)
        assert len(said) == 1
