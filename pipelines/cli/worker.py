"""A warm worker for the run launcher of deploy/celery.yaml.

    python -m pipelines.cli.worker              as many runs at once as dagster.yaml allows
    python -m pipelines.cli.worker --processes 4

It takes runs until it is told to end (SIGTERM), and then brings those that have begun to their end.
"""

import argparse
import importlib
import os
import sys
from pathlib import Path

from dagster._core.instance import DagsterInstance

from pipelines.definitions import build_edition
from resources.celery_workers.launcher import WarmWorkerLauncher
from resources.celery_workers.worker import Worker
from resources.config.environment import EnvironmentSettings
from resources.files.private import protect_home
from strategies.errors import GauntletError

# What the first run of a process would import, inside functions.
_PRELOADED = (
    *("psycopg", "sqlalchemy.dialects.postgresql.psycopg", "alembic.command", "talib"),
    *("polars", "pandas", "exchange_calendars", "fsspec"),
)
_UNLIMITED = 10


class NoWorkerError(GauntletError):
    """The instance has no use for a worker; the text says why."""


def main(arguments: list[str]) -> int:
    """Run a worker; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.cli.worker", description=__doc__)
    parser.add_argument("--processes", type=int, help="runs at once (default: as dagster.yaml)")
    parser.add_argument("--alive-file", type=Path, help="written every 2 s while connected")
    given = parser.parse_args(arguments)
    try:
        settings = EnvironmentSettings.from_environment(os.environ)
        protect_home(settings.home)
        launcher, allowed = _read_instance()
        worker = Worker(launcher.celery, build_edition(settings), given.alive_file)
    except GauntletError as error:
        sys.stderr.write(f"Refused: {error}\n")
        return 2
    worker.run(given.processes or allowed, _preload)
    if worker.is_outdated:
        os.execv(sys.executable, [sys.executable, "-m", "pipelines.cli.worker", *arguments])  # noqa: S606
    return 0


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
    for module in _PRELOADED:
        importlib.import_module(module)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
