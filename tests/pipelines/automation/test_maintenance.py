"""Old runs are removed, and nothing that the newest results refer to: real runs."""

from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import dagster as dg
import polars as pl
import pytest

from pipelines.automation import maintenance
from pipelines.automation.maintenance import MAINTENANCE
from tests.project import FEW_ASSETS, SYMBOLS, Project

YEAR = timedelta(days=365)


def _maintain(
    project: Project, op: str = "remove_old_runs", **config: int | bool
) -> dg.ExecuteInProcessResult:
    """Run the job as the daemon does, and take its word for nothing."""
    repository = project.definitions().get_repository_def()
    done = repository.get_job(MAINTENANCE).execute_in_process(
        instance=project.instance, run_config={"ops": {op: {"config": config}}}
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


def test_a_run_that_a_row_of_the_store_names_leaves_the_history_and_keeps_its_curves(
    project: Project, in_a_year: None
):
    saved = project.run()
    assert saved.success
    unsaved = project.run(selection=["prices", "backtests/rsi", "backtests/macd"])
    assert unsaved.success
    project.instance.wipe_assets([dg.AssetKey("backtest_summaries"), dg.AssetKey("leaderboard")])
    assert project.manager.run_ids() == {saved.run_id}
    rows = len(project.manager.get_backtests_by_symbol("S00"))
    _maintain(project)
    assert _exists(project, saved, unsaved) == [False, True]
    assert _has_files(project, saved), "its rows name it, and its partitions do not"
    assert len(project.manager.get_backtests_by_symbol("S00")) == rows
    assert project.run(None, selection=["leaderboard"]).success


def test_files_that_no_row_names_any_more_go_though_their_run_went_before(
    project: Project, in_a_year: None
):
    first = project.run()
    second = project.run(selection=["prices", "backtests/rsi", "backtests/macd"])
    project.instance.wipe_assets([dg.AssetKey("backtest_summaries"), dg.AssetKey("leaderboard")])
    _maintain(project)
    assert _exists(project, first, second) == [False, True]
    third = project.run()
    assert project.manager.run_ids() == {third.run_id}
    _maintain(project, dry_run=True)
    assert _has_files(project, first)
    _maintain(project)
    assert [_has_files(project, run) for run in (first, second, third)] == [False, False, True]


def test_files_of_a_run_that_another_history_has_stay_while_they_are_young(project: Project):
    run = project.run(selection=["prices", "backtests/rsi"])
    project.instance.delete_run(run.run_id)
    _maintain(project, keep_days=1)
    assert _has_files(project, run)


def test_prices_that_were_revised_go_only_where_it_is_said_for_how_long_they_stay(
    project: Project, in_a_year: None
):
    store = project.resource("price_store")
    project.run("S00", selection=["prices"])
    bars = store.read("files", "S00")
    for factor in (2.0, 3.0):
        store.write("files", "S00", bars.with_columns(pl.col("volume") * factor))
    assert len(store.revisions("files", "S00")) == 2
    _maintain(project)
    _maintain(project, "remove_old_prices", keep_days=366)
    _maintain(project, "remove_old_prices", keep_days=364, dry_run=True)
    assert len(store.revisions("files", "S00")) == 2
    _maintain(project, "remove_old_prices", keep_days=364)
    assert store.revisions("files", "S00") == []
    now = bars.with_columns(pl.col("volume") * 3.0)
    assert store.read("files", "S00").equals(now), "the bars that are in use stay"


def test_a_version_that_cannot_be_read_is_told_and_spoils_nothing(
    project: Project, in_a_year: None
):
    store = project.resource("price_store")
    project.run(("S00", "S01"), selection=["prices"])
    kept = {}
    for symbol in ("S00", "S01"):
        bars = store.read("files", symbol)
        changed = store.write("files", symbol, bars.with_columns(pl.col("volume") * 2.0))
        kept[symbol] = Path(changed.revision.path)
    kept["S00"].write_bytes(b"PAR1")
    done = _maintain(project, "remove_old_prices", keep_days=30)
    told = [entry.user_message for entry in project.instance.all_logs(done.run_id)]
    assert any(f"{kept['S00']} is corrupt" in message for message in told)
    assert [path.exists() for path in kept.values()] == [True, False]


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
