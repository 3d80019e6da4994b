"""The project with warm workers: a Redis, webserver and daemon, and a worker of two processes.

All of them run a copy of the project's packages, which a test may change as an upgrade does. Faults
are those of tests.pipelines.faulty.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tests.pipelines.webserver import Webserver, running_webserver
from tests.redis import Redis

ROOT = Path(__file__).parents[3]
PACKAGES = (
    "strategies",
    "engine",
    "research",
    "resources",
    "reports",
    "assets",
    "pipelines",
    "migrations",
)
PROCESSES = 2
RUNS_PER_PROCESS = 8
OPTIONS = ("--processes", str(PROCESSES), "--runs-per-process", str(RUNS_PER_PROCESS))
_READY_WITHIN = 120.0
_STOPPED_WITHIN = 60.0
_STATUS = """
    query ($id: ID!) { runOrError(runId: $id) { ... on Run { status tags { key value } } } }
"""
_MESSAGES = """
    query ($id: ID!) { runOrError(runId: $id) { ... on Run {
        eventConnection(limit: 1000) { events { ... on MessageEvent { message }
            ... on EngineEvent { error { message } } } } } } }
"""
_RETRIES = """
    query ($tag: ExecutionTag!) { runsOrError(filter: { tags: [$tag] }) { ... on Runs {
        results { runId status } } } }
"""


@dataclass(frozen=True)
class Served:
    """A running installation."""

    webserver: Webserver
    redis: Redis
    worker: psutil.Process
    log: Path

    def processes(self) -> list[psutil.Process]:
        """Return the processes that execute runs."""
        return self.worker.children()

    def status(self, run_id: str) -> str:
        """Return a run's status."""
        return self._run(run_id)["status"]

    def tags(self, run_id: str) -> dict[str, str]:
        """Return a run's tags."""
        return {tag["key"]: tag["value"] for tag in self._run(run_id)["tags"]}

    def messages(self, run_id: str) -> list[str]:
        """Return the messages of a run's events and of their errors."""
        found = self.webserver.query(_MESSAGES, id=run_id)["runOrError"]["eventConnection"]
        events = found["events"]
        errors = [event["error"]["message"] for event in events if event.get("error")]
        return [event["message"] for event in events] + errors

    def retries(self, run_id: str) -> list[dict[str, Any]]:
        """Return the runs that Dagster started in the place of one."""
        tag = {"key": "dagster/parent_run_id", "value": run_id}
        return self.webserver.query(_RETRIES, tag=tag)["runsOrError"]["results"]

    def _run(self, run_id: str) -> dict[str, Any]:
        return self.webserver.query(_STATUS, id=run_id)["runOrError"]


@contextmanager
def serving() -> Iterator[Served]:
    """Start all of it, wait until it is ready, and stop it."""
    redis = Redis()
    redis.start()
    environment: dict[str, str] = {}

    def lay_out(folder: Path) -> Mapping[str, str]:
        environment.update(_lay_out(folder, redis))
        return environment

    try:
        with (
            running_webserver(lay_out) as webserver,
            running_worker(webserver, environment, *OPTIONS) as worker,
        ):
            yield Served(webserver, redis, worker, webserver.folder / "worker.log")
    finally:
        redis.kill()


def _lay_out(folder: Path, redis: Redis) -> dict[str, str]:
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package)
    environment = use_workers(folder, redis)
    instance = folder / "dagster.yaml"
    often = instance.read_text().replace("poll_interval_seconds: 10", "poll_interval_seconds: 1")
    instance.write_text(often)
    workspace = folder / "workspace.yaml"
    text = workspace.read_text().replace("pipelines.definitions", "tests.pipelines.faulty")
    workspace.write_text(text)
    return environment | {
        "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)]),
        "GAUNTLET_START": "2023-01-01",
        "GAUNTLET_END": "2023-12-31",
    }


def use_workers(folder: Path, redis: Redis) -> dict[str, str]:
    """Append deploy/celery.yaml to a folder's dagster.yaml; return what that and a worker need."""
    with (folder / "dagster.yaml").open("a") as instance:
        instance.write("\n" + (ROOT / "deploy/celery.yaml").read_text())
    return {
        "GAUNTLET_BROKER_URL": redis.url,
        "GAUNTLET_HOME": str(folder / ".data"),
        "DAGSTER_HOME": str(folder),
    }


@contextmanager
def running_worker(
    webserver: Webserver, environment: Mapping[str, str], *options: str
) -> Iterator[psutil.Process]:
    """Start a worker in the folder of a webserver, wait until it is connected, and stop it.

    `environment` is what the webserver was given; `options` are those of the worker's command.
    """
    folder, alive = webserver.folder, webserver.folder / "alive"
    command = [sys.executable, "-m", "pipelines.cli.worker", "--alive-file", str(alive), *options]
    with (folder / "worker.log").open("w") as log:
        process = subprocess.Popen(
            command, cwd=folder, env={**os.environ, **environment}, stdout=log, stderr=log
        )
    try:
        webserver.wait_until("the worker is connected", alive.exists, bool, _READY_WITHIN)
        yield psutil.Process(process.pid)
    finally:
        (folder / "hold").unlink(missing_ok=True)
        process.terminate()
        try:
            process.wait(_STOPPED_WITHIN)
        finally:
            process.kill()
            process.wait()
