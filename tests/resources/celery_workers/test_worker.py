"""A worker that Celery gives up goes on; one that is told to end never starts again."""

import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

import psutil
import pytest
from celery import Celery

from resources.celery_workers.app import TASK, build_settings, get_queue
from resources.celery_workers.edition import Edition
from tests.redis import Redis, needs_redis
from tests.resources.celery_workers.served import ROOT, use_workers

pytestmark = needs_redis

# A process that ended is known to have, and still in the pool, when the broker is found again. The
# kernel decides whether it comes so; what starts instead of this process has Celery as it is.
_FAULTY = """
import sys
from celery.concurrency.asynpool import AsynPool
from pipelines.cli import worker
track, connected = AsynPool._track_child_process, []
def track_faulty(pool, process, hub):
    if connected.count(process.pid) == int(sys.argv[1]):
        process._sentinel_poll = None
    connected.append(process.pid)
    track(pool, process, hub)
AsynPool._track_child_process = track_faulty
sys.exit(worker.main(["--processes", "1", "--alive-file", "alive"]))
"""
# A run goes on for as long as the test wants; the edition is of a file that the test edits.
_HOLDING = """
import sys
from pathlib import Path
from time import sleep
from pipelines.cli import worker
from resources.celery_workers import worker as workers
from resources.celery_workers.edition import Edition
def hold(run_id):
    Path("held").touch()
    while not Path("release").exists():
        sleep(0.1)
workers.execute_run = hold
worker.build_edition = lambda _: Edition([], [Path("edited").absolute()], Path.cwd())
sys.exit(worker.main(["--processes", "1", "--alive-file", "alive"]))
"""
_WITHIN = 120.0


@pytest.fixture
def redis() -> Iterator[Redis]:
    started = Redis()
    started.start()
    yield started
    started.kill()


@contextmanager
def _working(folder: Path, redis: Redis, *program: str) -> Iterator[psutil.Popen]:
    shutil.copy(ROOT / "dagster.yaml", folder)
    environment = os.environ | use_workers(folder, redis) | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", *program]
    with (folder / "worker.log").open("w") as log:
        worker = psutil.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
    try:
        yield worker
    finally:
        (folder / "release").touch()  # also if the test failed
        if worker.is_running():
            worker.kill()
        worker.wait()


def _wait(folder: Path, what: Callable[[], bool]) -> None:
    deadline = monotonic() + _WITHIN
    while not what():
        assert monotonic() < deadline, (folder / "worker.log").read_text()
        sleep(0.1)


def _edit(folder: Path) -> None:
    (folder / "edited").touch()


def _send_run(folder: Path, redis: Redis) -> None:
    """Send a run of the edition that is on disk now."""
    edition = Edition([], [folder / "edited"], folder).compute()
    app = Celery("test", broker=redis.url, backend=redis.url)
    app.conf.update(build_settings(redis.url))
    app.send_task(TASK, ["a run"], queue=get_queue(edition))


def test_a_worker_that_celery_gives_up_starts_again(tmp_path: Path, redis: Redis):
    alive = tmp_path / "alive"
    with _working(tmp_path, redis, _FAULTY, "1") as worker:
        _wait(tmp_path, alive.exists)
        redis.kill()
        redis.start()
        _wait(tmp_path, lambda: "-m" in worker.cmdline())
        alive.unlink()
        _wait(tmp_path, alive.exists)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(_WITHIN) == 0
    log = (tmp_path / "worker.log").read_text()
    assert log.count("Unrecoverable error: ValueError('file descriptor is None')") == 1
    assert log.count(" ready.") == 2  # not once more when it was told to end


def test_a_worker_that_can_not_begin_ends_with_a_failure(tmp_path: Path, redis: Redis):
    with _working(tmp_path, redis, _FAULTY, "0") as worker:
        assert worker.wait(_WITHIN) == 1
    assert "Unrecoverable error" in (tmp_path / "worker.log").read_text()


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGQUIT])
def test_a_worker_about_to_start_again_ends_when_told(tmp_path: Path, redis: Redis, told: int):
    log = tmp_path / "worker.log"
    with _working(tmp_path, redis, _HOLDING) as worker:
        _send_run(tmp_path, redis)
        _wait(tmp_path, (tmp_path / "held").exists)
        _edit(tmp_path)
        _send_run(tmp_path, redis)
        _wait(tmp_path, lambda: "which is on disk: starting again" in log.read_text())
        worker.send_signal(told)
        _wait(tmp_path, lambda: "shutdown (MainProcess)" in log.read_text())
        (tmp_path / "release").touch()
        worker.wait(_WITHIN)
    assert log.read_text().count(" ready.") == 1
    assert log.read_text().count("starting again") == 1


def test_a_worker_told_to_end_ignores_newer_code(tmp_path: Path, redis: Redis):
    log, alive = tmp_path / "worker.log", tmp_path / "alive"
    with _working(tmp_path, redis, _HOLDING) as worker:
        _send_run(tmp_path, redis)
        _wait(tmp_path, (tmp_path / "held").exists)
        worker.send_signal(signal.SIGTERM)
        _wait(tmp_path, lambda: "Warm shutdown" in log.read_text())
        _edit(tmp_path)
        _send_run(tmp_path, redis)
        alive.unlink()
        _wait(tmp_path, alive.exists)  # it has looked since
        (tmp_path / "release").touch()
        assert worker.wait(_WITHIN) == 0
    assert log.read_text().count(" ready.") == 1
    assert "starting again" not in log.read_text()
