"""The command of workers: without TLS they listen on loopback alone."""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from pipelines.cli.cluster_worker import main
from resources.cluster.dask_executor import connect
from resources.cluster.local_cluster import LocalCluster
from resources.cluster.worker import build_scheduler_command
from tests.resources.cluster.hosts import PATIENCE

COMMAND = [sys.executable, "-m", "pipelines.cli.cluster_worker"]


@pytest.fixture
def scheduler() -> Iterator[LocalCluster]:
    """Lend a scheduler without TLS."""
    folder = Path(tempfile.mkdtemp(prefix="gauntlet-cluster-"))
    cluster, file = LocalCluster(folder), folder / "scheduler.json"
    try:
        command = build_scheduler_command(None, "127.0.0.1", 0, file)
        cluster.address = cluster._await_address(cluster.spawn(command, "scheduler"), file)
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)


def test_a_worker_without_tls_listens_on_loopback_alone(scheduler: LocalCluster):
    folder = str(scheduler.folder)
    command = [*COMMAND, scheduler.address, "--processes", "1", "--folder", folder]
    nanny = psutil.Process(scheduler.spawn(command, "worker").pid)
    with connect(scheduler.address, None) as client:
        client.wait_for_workers(1, timeout=PATIENCE)
        listening = [_listens_on(process) for process in [nanny, *nanny.children(recursive=True)]]
    assert [hosts for hosts in listening if hosts] == [{"127.0.0.1"}] * 2


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "worker.example", ""])  # noqa: S104 - refused
def test_a_worker_without_tls_for_others_is_refused(host: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as ended:
        main(["dask://127.0.0.1:8786", "--host", host])
    assert ended.value.code == 2
    assert capsys.readouterr().err == (
        f"Refused: --host {host} would let other machines run programs on workers without TLS: "
        "leave it out, or use a scheduler at tls:// and GAUNTLET_CLUSTER_TLS.\n"
    )


def _listens_on(process: psutil.Process) -> set[str]:
    return {
        one.laddr.ip for one in process.net_connections("inet") if one.status == psutil.CONN_LISTEN
    }
