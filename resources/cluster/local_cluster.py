"""A cluster on this machine, for one run: a scheduler and workers, as they run on many machines."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from resources.cluster import driver_watch
from resources.cluster.certificates import write_certificates
from resources.cluster.driver_folder import lend_folder
from resources.cluster.errors import ClusterError
from resources.cluster.worker import (
    build_environment,
    build_scheduler_command,
    build_worker_command,
)

_START_SECONDS = 600.0
_END_SECONDS = 10.0
# Processes end with their driver; this is for those that lost one another.
_DEATH_SECONDS = 300.0
_HOST = "127.0.0.1"
_LINES_SHOWN = 3
_SCHEDULER, _WORKERS = "scheduler", "workers"


@dataclass
class LocalCluster:
    """The processes of a cluster on this machine, reachable with its own certificates alone.

    Parameters
    ----------
    folder
        Private, for certificates, logs and what workers spill.
    environ
        Variables of its processes beside those of this one.
    patience
        Seconds without work after which the scheduler ends, and without that the workers.
    lock
        A descriptor that the processes hold open as long as they live; none if None.
    host
        The address of this machine at which the scheduler listens: loopback.
    """

    folder: Path
    environ: Mapping[str, str] = field(default_factory=dict)
    patience: float = _DEATH_SECONDS
    lock: int | None = None
    address: str = ""
    processes: list["subprocess.Popen[bytes]"] = field(default_factory=list)
    host: str = _HOST
    _workers: "subprocess.Popen[bytes] | None" = None

    def start_scheduler(self) -> None:
        """Start the scheduler, and wait until it has an address."""
        write_certificates(self.folder)
        file = self.folder / "scheduler.json"
        command = build_scheduler_command(self.folder, self.host, 0, file)
        command += ["--idle-timeout", str(self.patience), "--preload", driver_watch.NAME]
        scheduler = self.spawn(command, _SCHEDULER)
        self.address = self._await_address(scheduler, file)

    def start_workers(self, processes: int, memory: str) -> None:
        """Start worker processes; they come when they are ready."""
        workers = build_worker_command(
            self.address,
            self.folder,
            memory,
            processes,
            host=self.host,
            folder=self.folder,
            death_timeout=self.patience,
        )
        workers += ["--preload-nanny", driver_watch.NAME]
        self._workers = self.spawn(workers, _WORKERS)

    def require_workers(self) -> None:
        """Raise ClusterError if the workers have ended: none will come any more."""
        code = self._workers.poll() if self._workers else None
        if code is not None:
            raise ClusterError(
                f"the workers on this machine ended with {code}: {self.describe_workers()}"
            )

    def describe_workers(self) -> str:
        """Return the last that the workers said."""
        return self._read_last_lines(_WORKERS)

    def spawn(self, command: list[str], log: str) -> "subprocess.Popen[bytes]":
        """Start a process of the cluster, in a session of its own: Ctrl-C is the driver's.

        Its standard input ends with the driver.
        """
        with (self.folder / f"{log}.log").open("ab") as output:
            process = subprocess.Popen(  # noqa: S603 - this project's own command
                command,
                stdout=output,
                stderr=output,
                stdin=subprocess.PIPE,
                pass_fds=[] if self.lock is None else [self.lock],
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
            # Its group, since a nanny that is killed ends no worker.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if process.stdin:
                process.stdin.close()

    def _await_address(self, scheduler: "subprocess.Popen[bytes]", file: Path) -> str:
        end = time.monotonic() + _START_SECONDS
        while time.monotonic() < end and scheduler.poll() is None:
            with suppress(OSError, ValueError, KeyError):
                return json.loads(file.read_text())["address"]
            time.sleep(0.05)
        raise ClusterError(
            f"the scheduler on this machine did not start: {self._read_last_lines(_SCHEDULER)}"
        )

    def _read_last_lines(self, log: str) -> str:
        lines = (self.folder / f"{log}.log").read_text(errors="replace").splitlines()
        return " ".join(line.strip() for line in lines[-_LINES_SHOWN:])


@contextmanager
def local_cluster(processes: int, memory: str) -> Iterator[LocalCluster]:
    """Lend a cluster of some worker processes."""
    with lend_folder() as (folder, lock):
        cluster = LocalCluster(folder, lock=lock)
        try:
            cluster.start_scheduler()
            cluster.start_workers(processes, memory)
            yield cluster
        finally:
            cluster.stop()
