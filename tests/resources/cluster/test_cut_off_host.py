"""A host whose network is cut and comes back changes nothing: it has a namespace of its own.

Its files are on a shared folder all the while, so that it can write whenever it wants.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import psutil
import pytest

from research.chunks import Chunk
from resources.cluster.dask_executor import DaskExecutor
from resources.run_artifacts.stored_backtests import SHARED_UNIVERSE
from tests.cluster_runs import STRATEGIES, Done, Shared, run
from tests.cluster_trouble import FOLDER, Trouble
from tests.resources.cluster.case import CHUNK, SYMBOLS, Case
from tests.resources.cluster.hosts import PATIENCE, Hosts, is_alive, read_pids, until
from tests.resources.cluster.network import Network, own_network

HELD = 2
"""The chunk that the host holds when it is cut off: its third."""
FILES = 2
"""What an attempt at a chunk writes: trades and curves."""

TCP_TIMEOUT = "DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP"
WORKER_TTL = "DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL"
# The host does not find out that it is cut off, and goes on: the worst that it can do.
UNAWARE = ["env", f"{TCP_TIMEOUT}=1h"]
FOUND_OUT = {
    # By the connection, which the kernel gives up: the settings that the product gives it.
    "connection": {},
    # By its heartbeat alone. A host that is only slow is not blamed for it.
    "heartbeat": {
        TCP_TIMEOUT: "1h",
        WORKER_TTL: "15s",
        "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "9",
    },
}
"""How the scheduler finds out by itself, with its settings."""
# The scheduler does not find out either, however slow this machine is.
FORBEARING = {TCP_TIMEOUT: "1h", WORKER_TTL: "1h"}


@dataclass
class CutOff:
    """A run whose third chunk is held by a host in a network of its own."""

    case: Case
    network: Network
    executor: DaskExecutor
    met: Path

    @property
    def root(self) -> Path:
        """The folder of the run's files."""
        return Path(self.case.there.files.root, self.case.run_id)

    def compute(self, while_held: Callable[[], None]) -> Done:
        """Return what comes of the run; the link is cut before what happens meanwhile."""
        executor_run = self.executor.run

        def watch(chunks: Iterable[Chunk[Any]]) -> Iterator[Chunk[Any]]:
            for chunk in chunks:
                yield chunk
                if chunk.part == HELD:
                    until(lambda: read_pids(self.met))
                    assert self.network.holds(read_pids(self.met)[0])
                    self._start_another_host()
                    self._cut_link()
                    while_held()

        self.executor.run = lambda chunks: executor_run(watch(chunks))  # pyright: ignore[reportAttributeAccessIssue]
        return run(self.case.there, self.case.spec(), SYMBOLS, CHUNK, self.executor)

    def release(self) -> None:
        """Let the held chunk go on, and wait until its files are written."""
        before = read_folder(self.root)
        (self.case.cluster.trouble / "go").touch()
        until(lambda: len(read_folder(self.root).items() - before.items()) >= FILES)

    def _start_another_host(self) -> None:
        self.case.cluster.start_host()
        self.executor.client.wait_for_workers(2, timeout=PATIENCE)

    def _cut_link(self) -> None:
        """Cut the link: nobody connects through it any more, to either side."""
        scheduler = urlsplit(self.case.cluster.address).port
        (worker,) = [
            urlsplit(one).port for one in self._list_workers() if self.network.there in one
        ]
        assert scheduler
        assert worker
        assert self.network.reaches_here(scheduler)
        assert self.network.is_reached(worker)
        self.network.cut_link()
        assert not self.network.reaches_here(scheduler)
        assert not self.network.is_reached(worker)

    def _list_workers(self) -> list[str]:
        known: Any = self.executor.client.scheduler_info(n_workers=-1)
        return list(known["workers"])


@pytest.fixture
def network() -> Iterator[Network]:
    """Lend a network for a host."""
    with own_network() as network:
        yield network


@pytest.mark.parametrize("found_out", FOUND_OUT)
def test_a_cut_off_host_that_is_given_up_changes_nothing(
    network: Network, prices: str, tmp_path: Path, found_out: str
):
    with _cut_off(network, prices, tmp_path, FOUND_OUT[found_out]) as held:
        case = held.case
        done = held.compute(lambda: None)
        first, *others = read_pids(held.met)
        worker = psutil.Process(first)
        assert network.holds(first)
        assert others
        assert not any(network.holds(pid) for pid in others)
        committed = read_folder(held.root)
        assert case.count_uncommitted() == 0
        held.release()
        network.raise_link()
        # The scheduler, which it reaches again, tells it that it is none of its workers any more.
        until(lambda: not is_alive(worker))
        after = read_folder(held.root)
    assert {name: after[name] for name in committed} == committed
    assert case.count_uncommitted() == FILES
    case.there.files.remove_uncommitted(case.run_id)
    assert read_folder(held.root) == committed
    case.assert_same(done)


def test_a_host_back_before_it_is_given_up_changes_nothing(
    network: Network, prices: str, tmp_path: Path
):
    with _cut_off(network, prices, tmp_path, FORBEARING) as held:

        def come_back() -> None:
            held.release()
            network.raise_link()

        done = held.compute(come_back)
        (pid,) = read_pids(held.met)
        assert network.holds(pid)
    assert held.case.count_uncommitted() == 0
    held.case.assert_same(done)


def read_folder(root: Path) -> dict[str, tuple[int, int, bytes]]:
    """Return each whole file of the run's parts.

    Another attempt may write the same bytes, but as another file.
    """
    return {
        path.name: (path.stat().st_ino, path.stat().st_mtime_ns, path.read_bytes())
        for path in root.iterdir()
        if not path.name.startswith(".") and path.name != SHARED_UNIVERSE
    }


@contextmanager
def _cut_off(
    network: Network, prices: str, folder: Path, environ: Mapping[str, str]
) -> Iterator[CutOff]:
    """Lend a run on a cluster whose only worker, so far, is the host in the network."""
    with _cluster(network, environ) as cluster:
        here, there = (Shared.made(prices, str(folder / one), []) for one in ("here", "there"))
        case = Case(cluster, here, there, (*STRATEGIES, Trouble()), str(uuid4()))
        cluster.start_host(network.there, [*network.prefix, *UNAWARE])
        with cluster.execute(case.spec(), there, workers=1) as executor:
            yield CutOff(case, network, executor, case.plant("wait"))


@contextmanager
def _cluster(network: Network, environ: Mapping[str, str]) -> Iterator[Hosts]:
    """Lend a scheduler that listens on this machine's side of the link."""
    folder = Path(tempfile.mkdtemp(prefix="gauntlet-cut-off-"))
    given = {FOLDER: str(folder / "trouble"), **environ}
    cluster = Hosts(folder, given, patience=6 * PATIENCE, host=network.here)
    try:
        cluster.trouble.mkdir()
        cluster.start_scheduler()
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)
