"""A warm worker for the run launcher of deploy/celery.yaml.

    python -m pipelines.cli.worker              as many runs at once as dagster.yaml allows
    python -m pipelines.cli.worker --processes 4

It takes runs until it is told to end (SIGTERM), and then brings those that have begun to their end.
"""

import argparse
import gc
import importlib
import os
import pkgutil
import sys
from contextlib import suppress
from pathlib import Path

from dagster._core.instance import DagsterInstance

from engine.code_version import code_version
from pipelines.definitions import build_edition
from resources.celery_workers.launcher import WarmWorkerLauncher
from resources.celery_workers.worker import Worker
from resources.config.environment import EnvironmentSettings
from resources.files.private import protect_home
from resources.run_processes.lost_threads import find_lost_threads, list_threads
from strategies.errors import GauntletError
from strategies.registry import registered_strategies

_PACKAGES = ("strategies", "engine", "research", "resources", "reports", "assets", "pipelines")
# What they and Dagster import inside functions, and nearly every run needs.
_LIBRARIES = (
    *("pandas", "pyarrow.pandas_compat", "polars._utils.parquet", "talib", "exchange_calendars"),
    *("psycopg", "sqlalchemy.dialects.postgresql.psycopg", "fsspec.implementations.local"),
    *("dagster._core.executor.in_process", "dagster._core.execution.plan.active"),
    "dagster._core.definitions.repository_definition.repository_data_builder",
    "dagster._core.storage.local_compute_log_manager",
)
# What these do when they are imported is for a process of their own.
_ACTING = ("__main__", "pipelines.code_server.preload")
# They start threads which see to a fork, and strategies may import them.
_OPTIONAL = ("scipy.linalg",)
_UNLIMITED = 10
# A process grows by 0.3 MB with each run, and a new one costs a second of CPU.
RUNS_PER_PROCESS = 50


class NoWorkerError(GauntletError):
    """The instance has no use for a worker, or none can be forked; the text says why."""


def main(arguments: list[str]) -> int:
    """Run a worker; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.cli.worker", description=__doc__)
    parser.add_argument("--processes", type=int, help="runs at once (default: as dagster.yaml)")
    parser.add_argument(
        "--runs-per-process", type=int, help="a new one after so many (default: 50)"
    )
    parser.add_argument("--alive-file", type=Path, help="written every 2 s while connected")
    given = parser.parse_args(arguments)
    try:
        settings = EnvironmentSettings.from_environment(os.environ)
        protect_home(settings.home)
        launcher, allowed = _read_instance()
        worker = Worker(launcher.celery, build_edition(settings), given.alive_file)
        launcher.celery.conf.worker_max_tasks_per_child = given.runs_per_process or RUNS_PER_PROCESS
        worker.run(given.processes or allowed, _preload)
    except GauntletError as error:
        sys.stderr.write(f"Refused: {error}\n")
        return 2
    if worker.starts_again:
        os.execv(sys.executable, [sys.executable, "-m", "pipelines.cli.worker", *arguments])  # noqa: S606
    return worker.exit_code


def _read_instance() -> tuple[WarmWorkerLauncher, int]:
    """Return the launcher of dagster.yaml, and how many runs it allows at once."""
    with DagsterInstance.get() as instance:
        launcher = instance.run_launcher
        if not isinstance(launcher, WarmWorkerLauncher):
            raise NoWorkerError(
                f"the run launcher of {os.environ.get('DAGSTER_HOME')}/dagster.yaml is "
                f"{type(launcher).__name__}, which needs no workers: docs/celery.md."
            )
        queue = instance.get_concurrency_config().run_queue_config
        allowed = queue.max_concurrent_runs if queue else _UNLIMITED
        return launcher, allowed if allowed > 0 else _UNLIMITED


def _preload() -> None:
    """Import what a run needs, once for all processes that are forked; start nothing of it.

    Raises
    ------
    NoWorkerError
        When the project's code, or that of strategies, starts threads, without which forks hang.
    """
    for name in _LIBRARIES:
        importlib.import_module(name)
    for name in _OPTIONAL:
        with suppress(ImportError):
            importlib.import_module(name)
    before = list_threads()
    for name in _PACKAGES:
        package = importlib.import_module(name)
        for module in pkgutil.walk_packages(package.__path__, f"{name}."):
            if not module.name.endswith(_ACTING):
                importlib.import_module(module.name)
    if lost := find_lost_threads(before):
        raise NoWorkerError(
            f"code that is imported starts threads ({', '.join(sorted(lost))}), which the "
            "processes of a worker would miss. A strategy must not compute when it is imported."
        )
    # As this process has imported it: one that is forked later would read files edited meanwhile.
    for strategy in registered_strategies().values():
        code_version(strategy)
    # Its memory is shared by all processes for as long as none of them writes to it.
    gc.freeze()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
