"""A worker that Celery gives up goes on; one that can not begin says so by its exit code."""

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
_WITHIN = 120.0


@pytest.fixture
def redis() -> Iterator[Redis]:
    started = Redis()
    started.start()
    yield started
    started.kill()


@contextmanager
def _working(folder: Path, redis: Redis, healthy_connections: int) -> Iterator[psutil.Popen]:
    shutil.copy(ROOT / "dagster.yaml", folder)
    environment = os.environ | use_workers(folder, redis) | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", _FAULTY, str(healthy_connections)]
    with (folder / "worker.log").open("w") as log:
        worker = psutil.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
    try:
        yield worker
    finally:
        if worker.is_running():
            worker.kill()
        worker.wait()


def _wait(folder: Path, what: Callable[[], bool]) -> None:
    deadline = monotonic() + _WITHIN
    while not what():
        assert monotonic() < deadline, (folder / "worker.log").read_text()
        sleep(0.1)


def test_a_worker_that_celery_gives_up_starts_again(tmp_path: Path, redis: Redis):
    alive = tmp_path / "alive"
    with _working(tmp_path, redis, healthy_connections=1) as worker:
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
    with _working(tmp_path, redis, healthy_connections=0) as worker:
        assert worker.wait(_WITHIN) == 1
    assert "Unrecoverable error" in (tmp_path / "worker.log").read_text()
