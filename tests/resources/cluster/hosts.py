"""A scheduler and workers, each a host with a nanny, and what happens to them."""

import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from research.run_spec import RunSpec
from resources.cluster.dask_executor import DaskExecutor, connect
from resources.cluster.local_cluster import LocalCluster
from resources.cluster.shared_files import SharedFiles
from resources.cluster.task import Job
from resources.cluster.worker import build_worker_command
from tests.cluster_runs import Shared

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

    def start_host(self, host: str | None = None, prefix: Sequence[str] = ()) -> None:
        """Start another worker, with an address of its own and by a command before its own."""
        folder = self.folder / f"host-{len(self.processes)}"
        folder.mkdir()
        command = build_worker_command(
            self.address,
            self.folder,
            MEMORY,
            1,
            host=host or self.host,
            folder=folder,
            death_timeout=PATIENCE,
        )
        self.hosts.append(self.spawn([*prefix, *command], folder.name))

    def fill(self) -> None:
        """Start workers until there are as many as there should be, and wait for them."""
        self.hosts = [host for host in self.hosts if host.poll() is None]
        while len(self.hosts) < WORKERS:
            self.start_host()
        shutil.rmtree(self.trouble, ignore_errors=True)
        self.trouble.mkdir()

    def execute(
        self, spec: RunSpec, shared: Shared, timeout: float = PATIENCE, workers: int = WORKERS
    ) -> DaskExecutor:
        """Return the executor of a run."""
        files = SharedFiles(shared.prices.root, shared.files.root, spec.source, spec.run_id)
        files.write_universe(spec.universe)
        client = connect(self.address, self.folder)
        client.wait_for_workers(workers, timeout=PATIENCE)
        return DaskExecutor(client, Job.of(spec, files, timeout), wait_seconds=PATIENCE)


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
