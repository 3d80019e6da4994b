"""The backtests of a run on a cluster of this machine: the same leaderboard, and what is kept."""

import shutil
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from assets.asset_keys import BACKTESTS
from pipelines.definitions import build_defs
from research.audit.stage_profile import BacktestsProfile
from research.chunks import Chunk
from resources.cluster.dask_executor import DaskExecutor
from resources.cluster.local_cluster import LocalCluster
from resources.config.cluster import ClusterSettings
from resources.result_store.run_records import read_recent_profiles
from resources.run_artifacts.result_archive import ResultArchive
from tests.postgres import fresh_database
from tests.project import SYMBOLS, Project

SMALL = {"resources": {"run_settings": {"config": {"batch_size": 4}}}}
_OF_RUN = ("run_id", "part")


def _define(project: Project, cluster: ClusterSettings) -> dg.Definitions:
    return build_defs(replace(project.settings, cluster=cluster), project.overrides())


def _read_profile(project: Project, run_id: str) -> BacktestsProfile:
    profiles = read_recent_profiles(project.result_store, BACKTESTS, BacktestsProfile, limit=5)
    return profiles[run_id]


def _read_leaderboard(project: Project) -> list[bytes]:
    """Return the lines of the leaderboard's file without their last column: when it was written."""
    (path,) = Path(project.settings.home, "reports").rglob("leaderboard.csv")
    return [line.rpartition(b",")[0] for line in path.read_bytes().splitlines()]


def _read_results(project: Project, run_id: str) -> pl.DataFrame:
    return project.manager.get_backtests_by_run(run_id).drop(_OF_RUN)


@pytest.fixture
def other(server: str, tmp_path: Path) -> Iterator[Project]:
    """Lend a second project with the same prices."""
    (tmp_path / "other").mkdir()
    with fresh_database(server) as url, Project.opened(tmp_path / "other", url) as opened:
        yield opened


def test_a_local_cluster_ends_with_the_same_leaderboard(project: Project, other: Project):
    project.spoil(SYMBOLS[3])
    other.spoil(SYMBOLS[3])
    here = project.run(run_config=SMALL)
    on_cluster = _define(other, ClusterSettings("", 2))
    there = other.run(run_config=SMALL, definitions=on_cluster)
    assert here.success, project.why(here)
    assert there.success, other.why(there)
    assert _read_results(other, there.run_id).equals(_read_results(project, here.run_id))
    assert _read_leaderboard(other) == _read_leaderboard(project)
    mine, theirs = (_read_profile(*of) for of in ((project, here.run_id), (other, there.run_id)))
    assert theirs.integrity == mine.integrity
    assert theirs.succeeded_by_strategy == mine.succeeded_by_strategy
    assert theirs.cached_results == mine.cached_results
    # Another run on the cluster finds everything stored.
    again = other.run(run_config=SMALL, definitions=on_cluster)
    assert again.success, other.why(again)
    cached = _read_profile(other, again.run_id).cached_results
    assert cached is not None
    assert (cached.hits, cached.misses) == (2 * (len(SYMBOLS) - 1), 0)
    assert _read_results(other, again.run_id).equals(_read_results(other, there.run_id))


@pytest.fixture
def cluster() -> Iterator[LocalCluster]:
    """Lend a cluster that is not the run's own."""
    folder = Path(tempfile.mkdtemp(prefix="gauntlet-cluster-"))
    cluster = LocalCluster(folder)
    try:
        cluster.start_scheduler()
        cluster.start_workers(1, "1GiB")
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)


def test_a_run_whose_scheduler_dies_goes_on_from_what_is_known(
    project: Project, cluster: LocalCluster, monkeypatch: pytest.MonkeyPatch
):
    run = DaskExecutor.run

    def run_until_it_dies(executor: DaskExecutor, chunks: Iterable[Chunk[Any]]) -> Iterator[Any]:
        for number, outcome in enumerate(run(executor, chunks)):
            yield outcome
            if number == 1:
                scheduler = cluster.processes[0]
                scheduler.kill()
                scheduler.wait()

    monkeypatch.setattr(DaskExecutor, "run", run_until_it_dies)
    settings = ClusterSettings(cluster.address, 0, cluster.folder)
    lost = project.run(run_config=SMALL, definitions=_define(project, settings))
    assert not lost.success
    why = project.why(lost)
    assert why.startswith("backtests: the scheduler at tls://127.0.0.1:")
    assert "is gone or can't be reached. What was computed is kept" in why
    assert "Traceback" not in project.shown_error(lost)
    known = project.manager.get_backtests_by_run(lost.run_id)
    assert known.height >= 2 * 2 * 4
    resumed = project.run(run_config=SMALL)
    assert resumed.success, project.why(resumed)
    cached = _read_profile(project, resumed.run_id).cached_results
    assert cached is not None
    assert (cached.hits, cached.misses) == (known.height, 2 * len(SYMBOLS) - known.height)


def test_without_a_scheduler_the_run_fails_in_one_line(
    project: Project, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("resources.cluster.dask_executor.CONNECT_SECONDS", 1.0)
    settings = ClusterSettings("tcp://127.0.0.1:1", 0)
    failed = project.run(definitions=_define(project, settings))
    assert not failed.success
    assert project.why(failed).startswith("backtests: no scheduler answers at tcp://127.0.0.1:1: ")


def test_of_other_numbers_nothing_is_kept_and_one_line_is_said(
    project: Project, cluster: LocalCluster, monkeypatch: pytest.MonkeyPatch
):
    # It is the driver that computes other ones here.
    monkeypatch.setattr(
        ResultArchive, "digest", lambda _, results: {one.identifier: "other" for one in results}
    )
    settings = ClusterSettings(cluster.address, 0, cluster.folder)
    failed = project.run(run_config=SMALL, definitions=_define(project, settings))
    assert not failed.success
    assert "computed other numbers for" in project.why(failed)
    assert "Traceback" not in project.shown_error(failed)
    assert project.manager.get_backtests_by_run(failed.run_id).is_empty()
