"""Who is let in: no client without the cluster's certificates, and no worker of another edition."""

import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import polars as pl
import psutil
import pytest

from research.chunks import Chunk, ChunkFailure
from resources.cluster.certificates import write_certificates
from resources.cluster.dask_executor import DaskExecutor, connect
from resources.cluster.errors import ClusterError
from resources.cluster.local_cluster import LocalCluster
from resources.cluster.shared_files import SharedFiles
from resources.cluster.task import Job
from resources.cluster.worker import build_environment
from resources.config.cluster import TLS, TLS_FILES
from tests.cluster_runs import STRATEGIES, Shared, run, wanted
from tests.resources.cluster.hosts import PATIENCE, until

SYMBOLS = [f"S{number:02}" for number in range(6)]
CHUNK = 1
ROOT = Path(__file__).resolve().parents[3]
PACKAGES = ("strategies", "engine", "research", "resources", "pipelines", "tests")


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    """Lend a scheduler as `local` starts it, and one worker whose strategies are others."""
    folder = Path(tempfile.mkdtemp(prefix="gauntlet-cluster-"))
    cluster = LocalCluster(folder, patience=PATIENCE)
    try:
        cluster.start_scheduler()
        cluster.processes.append(_start_other_edition(cluster, folder / "other"))
        with connect(cluster.address, folder) as client:
            client.wait_for_workers(1, timeout=PATIENCE)
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _start_other_edition(cluster: LocalCluster, folder: Path) -> "subprocess.Popen[bytes]":
    """Start a worker from a copy of this project in which one strategy has another line."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package)
    with (folder / "strategies" / "rsi.py").open("a") as source:
        source.write("# changed\n")
    environ = build_environment() | {"PYTHONPATH": str(folder), TLS: str(cluster.folder)}
    command = [sys.executable, "-m", "pipelines.cli.cluster_worker", cluster.address]
    with (cluster.folder / "other.log").open("wb") as log:
        return subprocess.Popen(
            [*command, "--processes", "1", "--host", "127.0.0.1", "--folder", str(folder)],
            cwd=folder,
            env=environ,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


@pytest.fixture
def right_worker(cluster: LocalCluster) -> Iterator[None]:
    """Have a worker of this edition beside the other."""
    cluster.start_workers(1, "1GiB")
    nanny = cluster.processes[-1]
    with connect(cluster.address, cluster.folder) as client:
        client.wait_for_workers(2, timeout=PATIENCE)
        yield
        nanny.terminate()
        until(lambda: len(client.scheduler_info(n_workers=-1)["workers"]) == 1)


@contextmanager
def _executed(
    cluster: LocalCluster, there: Shared, wait_seconds: float = PATIENCE
) -> Iterator[tuple[DaskExecutor, Any]]:
    """Lend an executor of a run, and the run."""
    spec = there.spec(str(uuid4()), STRATEGIES, SYMBOLS)
    files = SharedFiles(there.prices.root, there.files.root, spec.source, spec.run_id)
    files.write_universe(spec.universe)
    client = connect(cluster.address, cluster.folder)
    with DaskExecutor(client, Job.of(spec, files, PATIENCE), wait_seconds) as executor:
        yield executor, spec


@pytest.fixture
def shared(tmp_path: Path) -> Shared:
    """Return folders with prices."""
    return Shared.made(str(tmp_path / "prices"), str(tmp_path / "backtests"), SYMBOLS)


def test_chunks_go_to_workers_of_the_same_edition_alone(
    cluster: LocalCluster, right_worker: None, shared: Shared, caplog: pytest.LogCaptureFixture
):
    with _executed(cluster, shared) as (executor, spec):
        done = run(shared, spec, SYMBOLS, CHUNK, executor)
        executor._look()
        counts: Any = executor.client.run(_count_executed)
        editions: Any = executor.client.run(_hash_strategies)
    assert not done.failures
    here = run(shared, spec, SYMBOLS, CHUNK, None)
    assert pl.concat(done.rows).equals(pl.concat(here.rows))
    assert len(set(editions.values())) == 2
    by_edition = {edition: counts[name] for name, edition in editions.items()}
    assert by_edition.pop(_hash_strategies()) == len(SYMBOLS) // CHUNK
    assert list(by_edition.values()) == [0]
    (idle,) = [name for name, edition in editions.items() if edition != _hash_strategies()]
    (told,) = [one.message for one in caplog.records if "gets no chunk" in one.message]
    assert told.startswith(
        f"the worker {idle} gets no chunk, its edition is another: strategies is "
    )


def test_other_editions_alone_fail_the_run_in_one_line(cluster: LocalCluster, shared: Shared):
    with (
        _executed(cluster, shared) as (executor, spec),
        pytest.raises(ClusterError) as refused,
    ):
        run(shared, spec, SYMBOLS, CHUNK, executor)
    here = _hash_strategies()
    line = (
        rf"none of the 1 workers at tls://127\.0\.0\.1:\d+ is of this edition; "
        rf"tls://127\.0\.0\.1:\d+: strategies is [0-9a-f]{{12}} there and {here} here\. "
        r"Start workers with the same code and libraries on the same kind of processor\."
    )
    assert re.fullmatch(line, str(refused.value))
    assert not shared.files.parts(spec.run_id)


def test_a_killed_worker_is_awaited_beside_another_edition(
    cluster: LocalCluster, right_worker: None, shared: Shared
):
    chunks = [Chunk(part, tuple(wanted([symbol]))) for part, symbol in enumerate(SYMBOLS)]
    with _executed(cluster, shared) as (executor, _):
        outcomes = executor.run(chunks)
        done = [next(outcomes)]
        with _killed_for_a_while(executor):
            # A scheduler that has no time to answer is asked again.
            until(lambda: executor._look() == 0)
            executor.wait_seconds = 0.0
            with pytest.raises(ClusterError, match=r"none of the 1 workers .* is of this edition"):
                until(lambda: executor._look() > 0)
            executor.wait_seconds = PATIENCE
        done += outcomes
    assert sorted(one.part for one in done) == list(range(len(SYMBOLS)))
    assert not [one for one in done if isinstance(one, ChunkFailure)]


@contextmanager
def _killed_for_a_while(executor: DaskExecutor) -> Iterator[None]:
    """Kill the worker of this edition; its nanny starts it again only afterwards."""
    editions: Any = executor.client.run(_hash_strategies)
    pids: Any = executor.client.run(os.getpid)
    (own,) = [name for name, edition in editions.items() if edition == _hash_strategies()]
    worker = psutil.Process(pids[own])
    nanny = worker.parent()
    assert nanny
    nanny.suspend()
    try:
        worker.kill()
        until(lambda: own not in executor.client.scheduler_info(n_workers=-1)["workers"])
        yield
    finally:
        nanny.resume()


def test_no_worker_for_a_while_fails_the_run_in_one_line(shared: Shared):
    folder = Path(tempfile.mkdtemp(prefix="gauntlet-cluster-"))
    empty = LocalCluster(folder, patience=PATIENCE)
    try:
        empty.start_scheduler()
        with (
            _executed(empty, shared, wait_seconds=1.0) as (executor, spec),
            pytest.raises(ClusterError) as failed,
        ):
            run(shared, spec, SYMBOLS, CHUNK, executor)
    finally:
        empty.stop()
        shutil.rmtree(folder, ignore_errors=True)
    assert str(failed.value) == (
        f"the cluster at {empty.address} has no worker for 1 s: start some with "
        "python -m pipelines.cli.cluster_worker <scheduler>."
    )


def _count_executed(dask_worker: Any) -> int:
    return dask_worker.state.executed_count


def _hash_strategies() -> str:
    from resources.cluster.edition import compute_edition

    return compute_edition()["strategies"]


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """Return a folder with certificates of another authority."""
    write_certificates(tmp_path)
    return tmp_path


def test_a_client_without_tls_is_refused(cluster: LocalCluster, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("resources.cluster.dask_executor.CONNECT_SECONDS", 3.0)
    with pytest.raises(ClusterError, match=r"^no scheduler answers at tcp://127\.0\.0\.1:\d+: "):
        connect(cluster.address.replace("tls://", "tcp://"), None)


def test_a_client_with_a_foreign_certificate_is_refused(
    cluster: LocalCluster, foreign: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("resources.cluster.dask_executor.CONNECT_SECONDS", 3.0)
    with pytest.raises(ClusterError, match=r"^no scheduler answers at tls://127\.0\.0\.1:\d+: "):
        connect(cluster.address, foreign)


@pytest.mark.parametrize("who", ["scheduler", "worker"])
def test_a_client_that_trusts_anybody_is_refused(cluster: LocalCluster, who: str, foreign: Path):
    with connect(cluster.address, cluster.folder) as client:
        (worker,) = client.scheduler_info(n_workers=-1)["workers"]
    address = {"scheduler": cluster.address, "worker": worker}[who]
    assert _greet(address, None) == b""
    assert _greet(address, _trust_anybody(None)) == b""
    assert _greet(address, _trust_anybody(foreign)) == b""
    # Dask speaks first, and to the cluster's own certificate it does.
    assert _greet(address, _trust_anybody(cluster.folder)) != b""


def _trust_anybody(certificates: Path | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if certificates:
        _, certificate, key = (certificates / name for name in TLS_FILES)
        context.load_cert_chain(certificate, key)
    return context


def _greet(address: str, context: ssl.SSLContext | None) -> bytes:
    """Return the first bytes that an address sends, none if it refuses."""
    url = urlsplit(address)
    assert url.hostname
    assert url.port
    with socket.create_connection((url.hostname, url.port), timeout=PATIENCE) as connection:
        if context is None:
            # A server waits for as long as a client says nothing.
            connection.sendall(b"\0" * 64)
            return _receive(connection)
        try:
            with context.wrap_socket(connection) as encrypted:
                return _receive(encrypted)
        except ssl.SSLError:
            return b""


def _receive(connection: socket.socket) -> bytes:
    try:
        return connection.recv(16)
    except (ssl.SSLError, ConnectionError):
        return b""
