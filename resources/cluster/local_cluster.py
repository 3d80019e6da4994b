"""A cluster on this machine, for one run: a scheduler and workers, as they run on many machines."""

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from resources.cluster.certificates import write_certificates
from resources.cluster.errors import ClusterError
from resources.cluster.worker import (
    build_environment,
    build_scheduler_command,
    build_worker_command,
)

_START_SECONDS = 600.0
_END_SECONDS = 10.0
# Where the driver was killed, its cluster ends by itself.
_DEATH_SECONDS = 300.0
_HOST = "127.0.0.1"
_LINES_SHOWN = 3


@dataclass
class LocalCluster:
    """The processes of a cluster on this machine, reachable by loopback and its own certificates.

    Parameters
    ----------
    folder
        Private, for certificates, logs and what workers spill.
    environ
        Variables of its processes beside those of this one.
    patience
        Seconds without a driver after which the scheduler ends, and without that the workers.
    """

    folder: Path
    environ: Mapping[str, str] = field(default_factory=dict)
    patience: float = _DEATH_SECONDS
    address: str = ""
    processes: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    def start_scheduler(self) -> None:
        """Start the scheduler, and wait until it has an address."""
        write_certificates(self.folder)
        file = self.folder / "scheduler.json"
        command = build_scheduler_command(self.folder, _HOST, 0, file)
        scheduler = self.spawn([*command, "--idle-timeout", str(self.patience)], "scheduler")
        self.address = self._await_address(scheduler, file)

    def start_workers(self, processes: int, memory: str) -> None:
        """Start worker processes; they come when they are ready."""
        workers = build_worker_command(
            self.address,
            self.folder,
            memory,
            processes,
            host=_HOST,
            folder=self.folder,
            death_timeout=self.patience,
        )
        self.spawn(workers, "workers")

    def spawn(self, command: list[str], log: str) -> "subprocess.Popen[bytes]":
        """Start a process of the cluster, in a session of its own: Ctrl-C is the driver's."""
        with (self.folder / f"{log}.log").open("ab") as output:
            process = subprocess.Popen(  # noqa: S603 - this project's own command
                command,
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                env=build_environment({**os.environ, **self.environ}),
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def stop(self) -> None:
        """End all processes, those that do not listen by force."""
        for process in reversed(self.processes):
            process.terminate()
        for process in reversed(self.processes):
            with suppress(subprocess.TimeoutExpired):
                process.wait(_END_SECONDS)
            process.kill()
            process.wait()

    def _await_address(self, scheduler: "subprocess.Popen[bytes]", file: Path) -> str:
        end = time.monotonic() + _START_SECONDS
        while time.monotonic() < end and scheduler.poll() is None:
            with suppress(OSError, ValueError, KeyError):
                return json.loads(file.read_text())["address"]
            time.sleep(0.05)
        lines = (self.folder / "scheduler.log").read_text(errors="replace").splitlines()
        raise ClusterError(
            f"the scheduler on this machine did not start: {' '.join(lines[-_LINES_SHOWN:])}"
        )


@contextmanager
def local_cluster(processes: int, memory: str) -> Iterator[LocalCluster]:
    """Lend a cluster of some worker processes."""
    folder = Path(tempfile.mkdtemp(prefix="gauntlet-cluster-"))
    cluster = LocalCluster(folder)
    try:
        cluster.start_scheduler()
        cluster.start_workers(processes, memory)
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)
