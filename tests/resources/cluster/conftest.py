"""One cluster for all tests of the package: a scheduler and three workers, each a host."""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
from moto.server import ThreadedMotoServer

from research.run_spec import RunSpec
from resources.cluster.dask_executor import DaskExecutor, connect
from resources.cluster.local_cluster import LocalCluster
from resources.cluster.shared_files import SharedFiles
from resources.cluster.task import Job
from resources.cluster.worker import build_worker_command
from tests.cluster_runs import Shared
from tests.cluster_trouble import FOLDER

WORKERS = 3
MEMORY = "1GiB"
# Nothing here waits for so long unless the machine stands still.
PATIENCE = 600.0


@dataclass
class Hosts(LocalCluster):
    """A cluster whose workers have a nanny, a folder and a fate of their own."""

    hosts: "list[subprocess.Popen[bytes]]" = field(default_factory=list)

    @property
    def trouble(self) -> Path:
        """Where strategies look for the trouble that they meet."""
        return self.folder / "trouble"

    def start_host(self) -> None:
        """Start another worker."""
        folder = self.folder / f"host-{len(self.processes)}"
        folder.mkdir()
        command = build_worker_command(
            self.address,
            self.folder,
            MEMORY,
            1,
            host="127.0.0.1",
            folder=folder,
            death_timeout=PATIENCE,
        )
        self.hosts.append(self.spawn(command, folder.name))

    def fill(self) -> None:
        """Start workers until there are as many as there should be, and wait for them."""
        self.hosts = [host for host in self.hosts if host.poll() is None]
        while len(self.hosts) < WORKERS:
            self.start_host()
        shutil.rmtree(self.trouble, ignore_errors=True)
        self.trouble.mkdir()

    def execute(self, spec: RunSpec, shared: Shared, timeout: float = PATIENCE) -> DaskExecutor:
        """Return the executor of a run."""
        files = SharedFiles(shared.prices.root, shared.files.root, spec.source, spec.run_id)
        files.write_universe(spec.universe)
        client = connect(self.address, self.folder)
        client.wait_for_workers(WORKERS, timeout=PATIENCE)
        return DaskExecutor(client, Job.of(spec, files, timeout), wait_seconds=PATIENCE)


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """Lend the address of a server that speaks the S3 protocol."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def s3_environment(address: str) -> dict[str, str]:
    """Return the variables by which S3 is this server."""
    return {
        "AWS_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }


@pytest.fixture(scope="session")
def hosts(s3_server: str) -> Iterator[Hosts]:
    """Lend a cluster for the session."""
    folder = Path(tempfile.mkdtemp(prefix="gauntlet-hosts-"))
    given = {
        **s3_environment(s3_server),
        FOLDER: str(folder / "trouble"),
        # A busy machine is not a dead one: tests say themselves when a host is dead.
        "DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "1h",
    }
    cluster = Hosts(folder, given, patience=6 * PATIENCE)
    try:
        cluster.start_scheduler()
        cluster.fill()
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def cluster(hosts: Hosts) -> Hosts:
    """Lend the cluster with all of its workers, and without trouble."""
    hosts.fill()
    return hosts


def until(condition: Callable[[], object]) -> None:
    """Wait for a condition, however long it takes."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.05)


def read_pids(met: Path) -> list[int]:
    """Return who has met a planted trouble, in order."""
    with suppress(FileNotFoundError):
        return [int(pid) for pid in met.read_text().split()]
    return []


def host_of(pid: int) -> list[psutil.Process]:
    """Return all processes of the host of a worker process: its nanny and what that started."""
    nanny = psutil.Process(pid).parent()
    assert nanny is not None
    return [nanny, *nanny.children(recursive=True)]


def is_alive(process: psutil.Process) -> bool:
    """Return whether a process still runs; one that nobody has waited for does not."""
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False
