"""Old runs are removed, and nothing that the newest results refer to: real runs."""

from datetime import datetime, timedelta
from types import SimpleNamespace

import dagster as dg
import pytest

from pipelines import maintenance
from pipelines.maintenance import MAINTENANCE
from tests.project import FEW_ASSETS, SYMBOLS, Project

YEAR = timedelta(days=365)


def _maintain(project: Project, **config: int | bool) -> dg.ExecuteInProcessResult:
    """Run the job as the daemon does, and take its word for nothing."""
    repository = project.definitions().get_repository_def()
    done = repository.get_job(MAINTENANCE).execute_in_process(
        instance=project.instance,
        run_config={"ops": {"remove_old_runs": {"config": config}}},
    )
    assert done.success
    return done


@pytest.fixture
def in_a_year(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the job be of next year: all that is there is old then."""
    later = SimpleNamespace(now=lambda zone: datetime.now(zone) + YEAR)
    monkeypatch.setattr(maintenance, "datetime", later)


def _exists(project: Project, *runs: dg.ExecuteInProcessResult) -> list[bool]:
    return [project.instance.has_run(run.run_id) for run in runs]


def _has_files(project: Project, run: dg.ExecuteInProcessResult) -> bool:
    return bool(project.resource("backtest_files").parts(run.run_id))


def test_runs_that_were_superseded_go_with_their_files_and_events(
    project: Project, in_a_year: None
):
    first, second = project.run(), project.run()
    assert first.success
    assert second.success
    assert _has_files(project, first)
    before = {name: project.materialized(*name.split("/")) for name in FEW_ASSETS[:-1]}
    _maintain(project)
    assert _exists(project, first, second) == [False, True]
    assert not _has_files(project, first)
    assert not project.instance.all_logs(first.run_id)
    assert _has_files(project, second)
    assert {name: project.materialized(*name.split("/")) for name in before} == before


def test_the_newest_of_a_single_partition_keeps_its_run(project: Project, in_a_year: None):
    project.spoil("S07")
    old = project.run(selection=["prices", "backtests/rsi"])
    project.mend("S07")
    alone = project.run("S07", selection=["prices", "backtests/rsi"])
    rest = project.run((SYMBOLS[8], SYMBOLS[-1]), selection=["prices", "backtests/rsi"])
    _maintain(project)
    assert _exists(project, old, alone, rest) == [True, True, True]
    again = project.run(selection=["prices", "backtests/rsi"])
    assert again.success
    _maintain(project)
    assert _exists(project, old, alone, rest, again) == [False, False, False, True]


def test_a_run_that_a_row_of_the_store_names_keeps_its_curves(project: Project, in_a_year: None):
    saved = project.run()
    assert saved.success
    unsaved = project.run(selection=["prices", "backtests/rsi", "backtests/macd"])
    assert unsaved.success
    project.instance.wipe_assets([dg.AssetKey("backtest_summaries"), dg.AssetKey("leaderboard")])
    assert project.manager.run_ids() == {saved.run_id}
    rows = len(project.manager.get_backtests_by_symbol("S00"))
    _maintain(project)
    assert _exists(project, saved, unsaved) == [True, True]
    assert _has_files(project, saved), "its rows name it, and its partitions do not"
    assert len(project.manager.get_backtests_by_symbol("S00")) == rows
    assert project.run(None, selection=["leaderboard"]).success


def test_what_is_young_or_has_not_ended_stays(project: Project, monkeypatch: pytest.MonkeyPatch):
    first, second = (project.run(selection=["prices"]) for _ in range(2))
    _maintain(project, keep_days=1)
    assert _exists(project, first, second) == [True, True]
    job = project.definitions().resolve_job_def(MAINTENANCE)
    running = project.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    later = SimpleNamespace(now=lambda zone: datetime.now(zone) + YEAR)
    monkeypatch.setattr(maintenance, "datetime", later)
    _maintain(project, dry_run=True)
    assert _exists(project, first, second) == [True, True]
    _maintain(project)
    assert _exists(project, first, second) == [False, True]
    assert project.instance.has_run(running.run_id)


def test_it_is_stopped_until_somebody_starts_it(project: Project):
    schedule = project.definitions().get_repository_def().get_schedule_def(MAINTENANCE)
    assert schedule.default_status == dg.DefaultScheduleStatus.STOPPED
