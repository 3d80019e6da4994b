"""A local cluster whose driver is killed: its processes end, and its folder is removed later."""

import os
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from resources.cluster.driver_folder import _lock_new, lend_folder, remove_abandoned
from resources.cluster.local_cluster import LocalCluster, local_cluster
from tests.resources.cluster.hosts import is_alive, until

_DRIVER = """
from resources.cluster.dask_executor import connect
from resources.cluster.local_cluster import local_cluster
with local_cluster(1, "1GiB") as cluster:
    connect(cluster.address, cluster.folder).wait_for_workers(1)
    print(cluster.folder, flush=True)
    input()
"""

_DEAF = """
import os, pathlib, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"])
pathlib.Path(os.environ["TMPDIR"], "ready").touch()
time.sleep(3600)
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have a temporary folder of one's own, and so have the processes that are started."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_driver_leaves_no_process_and_no_key(how: signal.Signals):
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", _DRIVER], stdin=pipe, stdout=pipe) as driver:
        assert driver.stdout
        folder = Path(driver.stdout.readline().decode().strip())
        started = psutil.Process(driver.pid).children(recursive=True)
        driver.send_signal(how)
    assert (folder / "tls.key").exists()
    assert len(started) >= 3  # scheduler, nanny and worker
    until(lambda: not any(is_alive(one) for one in started))
    # Told to, and not for want of work or of a scheduler.
    assert "signal-15" in (folder / "scheduler.log").read_text()
    with local_cluster(1, "1GiB"):
        assert not folder.exists()


def test_the_folder_of_a_living_driver_is_kept_until_its_end():
    with lend_folder() as (folder, _):
        with lend_folder() as (other, _):
            assert folder.exists()
            assert other != folder
        remove_abandoned()
        assert folder.exists()
    assert not folder.exists()


def test_a_folder_is_kept_while_a_process_of_it_lives(temporary: Path):
    folder = temporary / "gauntlet-cluster-1"
    folder.mkdir()
    cluster = LocalCluster(folder, lock=_lock_new(folder))
    cluster.spawn([sys.executable, "-c", "input()"], "process")
    assert cluster.lock is not None
    os.close(cluster.lock)
    remove_abandoned()
    assert folder.exists()
    cluster.stop()
    remove_abandoned()
    assert not folder.exists()


def test_workers_of_a_nanny_that_does_not_listen_end(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("resources.cluster.local_cluster._END_SECONDS", 0.0)
    cluster = LocalCluster(temporary)
    nanny = psutil.Process(cluster.spawn([sys.executable, "-c", _DEAF], "nanny").pid)
    until((temporary / "ready").exists)
    (worker,) = nanny.children()
    cluster.stop()
    try:
        until(lambda: not is_alive(worker))
    finally:
        with suppress(psutil.NoSuchProcess):
            worker.kill()


def test_a_folder_that_is_not_locked_yet_is_kept(temporary: Path):
    folder = temporary / "gauntlet-cluster-1"
    folder.mkdir()
    remove_abandoned()
    assert folder.exists()
