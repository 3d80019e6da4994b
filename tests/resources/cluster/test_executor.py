"""What is left at the end of a run on a cluster: nothing, and no error but that of the run."""

import logging
import re
from pathlib import Path
from uuid import uuid4

import psutil
import pytest

from resources.cluster.errors import ClusterError
from resources.cluster.executor import open_executor
from resources.config.cluster import ClusterSettings
from resources.run_artifacts.stored_backtests import StoredBacktests
from tests.cluster_runs import STRATEGIES, Shared, list_names, run
from tests.resources.cluster.hosts import Hosts, is_alive, until

SYMBOLS = ["S00", "S01"]
RUN = str(uuid4())


@pytest.fixture
def shared(tmp_path: Path) -> Shared:
    return Shared.made(str(tmp_path / "prices"), str(tmp_path / "backtests"), SYMBOLS)


def _find_processes_of_own_cluster() -> list[psutil.Process]:
    """Return them without Python's trackers of shared memory, which end last and write nothing."""
    children = [one for one in psutil.Process().children() if is_alive(one)]
    own = [one for one in children if "gauntlet-cluster-" in str(one.cmdline())]
    below = [child for one in own for child in one.children(recursive=True)]
    return [one for one in (*own, *below) if "resource_tracker" not in str(one.cmdline())]


class Watched(StoredBacktests):
    """Files that know which processes were alive when what is left was removed."""

    def __init__(self, root: str) -> None:
        super().__init__(root)
        self.started: list[psutil.Process] = []
        self.alive: list[list[psutil.Process]] = []

    def remove_uncommitted(self, run_id: str) -> int:
        self.alive.append([one for one in self.started if is_alive(one)])
        return super().remove_uncommitted(run_id)


def test_workers_have_ended_when_what_they_left_is_removed(shared: Shared):
    files, spec = Watched(shared.files.root), shared.spec(RUN, STRATEGIES, SYMBOLS)
    with open_executor(ClusterSettings("", 1), spec, shared.prices, files) as executor:
        executor.client.wait_for_workers(1)
        files.started = _find_processes_of_own_cluster()
    assert len(files.started) == 3  # scheduler, nanny and worker
    assert files.alive == [[]]
    assert not list_names(shared, RUN)


def test_own_workers_that_cannot_start_are_told_of_at_once(
    shared: Shared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    broken = tmp_path / "broken" / "polars"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise ImportError('the processor lacks avx2')")
    monkeypatch.setenv("PYTHONPATH", str(broken.parent))
    spec = shared.spec(RUN, STRATEGIES, SYMBOLS)
    with open_executor(ClusterSettings("", 1), spec, shared.prices, shared.files) as executor:
        executor.wait_seconds = 1e6
        with pytest.raises(ClusterError) as failed:
            run(shared, spec, SYMBOLS, len(SYMBOLS), executor)
    assert re.match(r"the workers on this machine ended with [1-9]\d*: ", str(failed.value))
    assert "the processor lacks avx2" in str(failed.value)
    assert "\n" not in str(failed.value)


def test_own_workers_that_do_not_come_back_are_told_of(shared: Shared):
    spec = shared.spec(RUN, STRATEGIES, SYMBOLS)
    with open_executor(ClusterSettings("", 1), spec, shared.prices, shared.files) as executor:
        assert executor.own
        client, nanny = executor.client, psutil.Process(executor.own.processes[-1].pid)
        client.wait_for_workers(1)
        nanny.suspend()
        for worker in nanny.children():
            worker.kill()
        until(lambda: not client.scheduler_info(n_workers=-1)["workers"])
        executor.wait_seconds = 1.0
        try:
            with pytest.raises(
                ClusterError, match=r"^no worker on this machine is ready for 1 s: ."
            ):
                run(shared, spec, SYMBOLS, len(SYMBOLS), executor)
        finally:
            nanny.resume()


def test_a_failing_removal_is_logged_and_hides_no_error(
    cluster: Hosts, shared: Shared, caplog: pytest.LogCaptureFixture
):
    settings = ClusterSettings(cluster.address, tls=cluster.folder)
    spec, damaged = shared.spec(RUN, STRATEGIES, SYMBOLS), Path(shared.files.root, RUN)
    caplog.set_level(logging.WARNING, "resources.cluster.executor")

    def fail() -> None:
        with open_executor(settings, spec, shared.prices, shared.files):
            (damaged / "manifest-00000.json").write_text("{")
            raise ClusterError("the scheduler is gone")

    with pytest.raises(ClusterError, match="the scheduler is gone"):
        fail()
    (said,) = [one.message for one in caplog.records if one.name == "resources.cluster.executor"]
    assert f"stay in {shared.files.root}/{RUN}: " in said
    assert "manifest-00000.json is not what was written" in said
