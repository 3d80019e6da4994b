"""How worker processes are started: Dask's own command, with this project's edition and limits."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from resources.cluster.edition import compute_edition, to_resources
from resources.config.cluster import TLS_FILES

_ROOT = Path(__file__).parents[2]
# Even without the dashboard a small webserver says how a process is: to this machine alone.
_UNSEEN = ["--no-dashboard", "--dashboard-address", "127.0.0.1:0"]


def build_worker_command(
    scheduler: str,
    tls: Path | None,
    memory: str,
    processes: int,
    *,
    host: str | None = None,
    folder: Path | None = None,
    death_timeout: float | None = None,
) -> list[str]:
    """Return the command of worker processes of one thread each, under a nanny each.

    The nanny starts a process again that has died, and one that needs more than `memory`.

    Parameters
    ----------
    scheduler
        Its address, as Dask writes it.
    host
        The address of this machine that the scheduler reaches; found by itself if None.
    folder
        For files of the workers; the temporary folder if None.
    death_timeout
        Seconds without a scheduler after which they end; never if None.
    """
    resources = " ".join(f"{name}=1" for name in to_resources(compute_edition()))
    command = [sys.executable, "-m", "distributed.cli.dask_worker", scheduler, *_UNSEEN]
    command += ["--nthreads", "1", "--nworkers", str(processes), "--memory-limit", memory]
    command += ["--resources", resources, "--preload", "resources.cluster.task"]
    command += ["--preload-nanny", "resources.cluster.retirement"]
    command += tls_arguments(tls)
    optional = {"--host": host, "--local-directory": folder, "--death-timeout": death_timeout}
    for name, value in optional.items():
        command += [] if value is None else [name, str(value)]
    return command


def build_scheduler_command(tls: Path | None, host: str, port: int, file: Path) -> list[str]:
    """Return the command of a scheduler; it writes its address into `file`."""
    command = [sys.executable, "-m", "distributed.cli.dask_scheduler", *_UNSEEN]
    command += ["--protocol", "tls" if tls else "tcp", "--host", host, "--port", str(port)]
    return [*command, "--scheduler-file", str(file), *tls_arguments(tls)]


def tls_arguments(tls: Path | None) -> list[str]:
    """Return the arguments of Dask's commands for a folder of certificates."""
    if tls is None:
        return []
    names = ("--tls-ca-file", "--tls-cert", "--tls-key")
    return [
        part
        for name, file in zip(names, TLS_FILES, strict=True)
        for part in (name, str(tls / file))
    ]


def build_environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment of a scheduler and of workers, where it does not say otherwise.

    A worker that is silent for 30 s is taken for dead, and a chunk that ends its worker twice for
    the reason. One thread each: there is a process per core.

    Dask samples the stack of a worker 100 times per second, looks whether its event loop answers 50
    times and at its memory 10 times. Nobody looks at the samples, since there is no dashboard.
    """
    path = [str(_ROOT), *filter(None, [environ.get("PYTHONPATH")])]
    return {
        "DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "30s",
        "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1",
        "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False",
        "DASK_DISTRIBUTED__WORKER__MEMORY__MONITOR_INTERVAL": "250ms",
        "DASK_DISTRIBUTED__ADMIN__TICK__INTERVAL": "500ms",
        "POLARS_MAX_THREADS": "1",
        **environ,
        "PYTHONPATH": os.pathsep.join(path),
    }
