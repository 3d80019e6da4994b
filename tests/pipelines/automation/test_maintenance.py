"""Old runs are removed, except for files that results still need: real runs."""

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from uuid import UUID

import dagster as dg
import polars as pl
import pytest
import sqlalchemy as sa

from pipelines.automation import maintenance
from pipelines.automation.maintenance import MAINTENANCE
from pipelines.definitions import build_defs
from resources.cluster.shared_files import SharedFiles
from resources.config.environment import EnvironmentSettings
from resources.dagster_event_log.sqlite import BatchedSqliteEventLogStorage
from resources.run_artifacts.portfolio_files import TABLES, PortfolioFiles
from resources.run_artifacts.research_files import ResearchFiles
from resources.run_artifacts.sweep_files import SweepFiles
from tests.project import FEW_ASSETS, SYMBOLS, Project
from tests.resources.result_store.forward.nights import position

ROOT = Path(__file__).parents[3]
YEAR = timedelta(days=365)
IGNORE_CACHE = {"resources": {"run_settings": {"config": {"ignore_cache": True}}}}
"""For a run with its own results: cached results stay in the files of earlier runs."""


def _maintain(
    project: Project, op: str = "remove_old_runs", **config: int | bool
) -> dg.ExecuteInProcessResult:
    """Run the job as the daemon does."""
    repository = project.definitions().get_repository_def()
    done = repository.get_job(MAINTENANCE).execute_in_process(
        instance=project.instance, run_config={"ops": {op: {"config": config}}}
    )
    assert done.success
    return done


@pytest.fixture
def in_a_year(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the job one year later."""
    later = SimpleNamespace(now=lambda zone: datetime.now(zone) + YEAR)
    monkeypatch.setattr(maintenance, "datetime", later)


def _exists(project: Project, *runs: dg.ExecuteInProcessResult) -> list[bool]:
    return [project.instance.has_run(run.run_id) for run in runs]


def _has_files(project: Project, run: dg.ExecuteInProcessResult) -> bool:
    return bool(project.resource("backtest_files").parts(run.run_id))


def test_superseded_runs_are_removed_with_files_and_events(project: Project, in_a_year: None):
    first, second = project.run(), project.run(run_config=IGNORE_CACHE)
    assert first.success
    assert second.success
    assert _has_files(project, first)
    before = {name: project.materialized(*name.split("/")) for name in FEW_ASSETS[:-1]}
    trials = project.manager.get_trials()
    _maintain(project)
    assert _exists(project, first, second) == [False, True]
    assert not _has_files(project, first)
    # Of losers as well, and of the run that is gone.
    assert project.manager.get_trials().equals(trials)
    assert set(trials["run_id"]) == {first.run_id}
    assert not project.instance.all_logs(first.run_id)
    assert _has_files(project, second)
    assert {name: project.materialized(*name.split("/")) for name in before} == before


def test_files_of_cached_results_outlive_their_run(project: Project, in_a_year: None):
    first, second = project.run(), project.run()
    assert second.success
    _maintain(project)
    assert _exists(project, first, second) == [False, True]
    assert _has_files(project, first), "the second run uses its results"
    third = project.run()
    assert third.success
    assert project.manager.get_run_ids() == {first.run_id}


def test_the_newest_run_of_any_partition_is_kept(project: Project, in_a_year: None):
    project.spoil("S07")
    old = project.run(selection=["prices", "backtests/rsi"])
    project.fix("S07")
    alone = project.run("S07", selection=["prices", "backtests/rsi"])
    rest = project.run((SYMBOLS[8], SYMBOLS[-1]), selection=["prices", "backtests/rsi"])
    _maintain(project)
    assert _exists(project, old, alone, rest) == [True, True, True]
    again = project.run(selection=["prices", "backtests/rsi"])
    assert again.success
    _maintain(project)
    assert _exists(project, old, alone, rest, again) == [False, False, False, True]


def test_a_failed_partition_keeps_the_run_it_failed_in(project: Project, in_a_year: None):
    first = project.run(selection=["prices"])
    project.spoil("S07")
    failed = project.run(selection=["prices"])
    project.fix("S07")
    rest = [project.run(ends, selection=["prices"]) for ends in (("S00", "S06"), ("S08", "S19"))]
    _maintain(project)
    assert _exists(project, first, failed, *rest) == [True, True, True, True]
    assert project.status()["prices"].failed == {"S07"}
    assert project.run("S07", selection=["prices"]).success
    _maintain(project)
    assert _exists(project, first, failed, *rest) == [False, False, True, True]


def test_a_canceled_attempt_leaves_a_partition_failed(project: Project, in_a_year: None):
    assert project.run(selection=["prices"]).success
    project.spoil("S07")
    failed = project.run(selection=["prices"])
    project.fix("S07")
    for ends in (("S00", "S06"), ("S08", "S19")):
        assert project.run(ends, selection=["prices"]).success
    _cancel(project, "S07", "prices")
    _maintain(project)
    assert _exists(project, failed) == [True]
    assert project.status()["prices"].failed == {"S07"}


def _cancel(project: Project, symbol: str, asset: str) -> None:
    """Leave a run that was canceled before it began."""
    job = dg.define_asset_job("canceled", dg.AssetSelection.assets(asset))
    defs = dg.Definitions.merge(project.definitions(), dg.Definitions(jobs=[job]))
    run = project.instance.create_run_for_job(
        defs.resolve_job_def("canceled"), tags={"dagster/partition": symbol}
    )
    project.instance.report_run_canceled(run)


def test_lost_results_stay_failed_without_an_attempt(project: Project, in_a_year: None):
    few = ["prices", "backtests/rsi", "backtests/macd"]
    made = project.run("S00", selection=few)
    assert made.success
    project.resource("backtest_files").delete(made.run_id)
    lost = project.run("S00", selection=["backtest_summaries"])
    again = project.run("S00", selection=["backtests/macd", "backtest_summaries"])
    assert again.success, project.why(again)
    _maintain(project)
    assert _exists(project, lost) == [True]
    failed = {name for name, one in project.status().items() if one.failed}
    assert failed == {"backtests/rsi"}


def test_a_removed_run_keeps_the_curves_of_its_rows(project: Project, in_a_year: None):
    saved = project.run()
    assert saved.success
    unsaved = project.run(selection=["prices", "backtests/rsi", "backtests/macd"])
    assert unsaved.success
    project.instance.wipe_assets([dg.AssetKey("backtest_summaries"), dg.AssetKey("leaderboard")])
    assert project.manager.get_run_ids() == {saved.run_id}
    rows = len(project.manager.get_backtests_by_symbol("S00"))
    _maintain(project)
    assert _exists(project, saved, unsaved) == [False, True]
    assert _has_files(project, saved), "its rows need them, its partitions do not"
    assert len(project.manager.get_backtests_by_symbol("S00")) == rows
    assert project.run(None, selection=["leaderboard"]).success


def test_files_of_a_removed_run_are_removed_once_unused(project: Project, in_a_year: None):
    first = project.run()
    second = project.run(selection=["prices", "backtests/rsi", "backtests/macd"])
    project.instance.wipe_assets([dg.AssetKey("backtest_summaries"), dg.AssetKey("leaderboard")])
    _maintain(project)
    assert _exists(project, first, second) == [False, True]
    third = project.run(run_config=IGNORE_CACHE)
    assert project.manager.get_run_ids() == {third.run_id}
    _maintain(project, dry_run=True)
    assert _has_files(project, first)
    _maintain(project)
    assert [_has_files(project, run) for run in (first, second, third)] == [False, False, True]


def test_late_files_of_runs_that_stay_are_removed(project: Project, in_a_year: None):
    ended = project.run()
    files = project.resource("backtest_files")
    job = project.definitions().resolve_job_def(MAINTENANCE)
    running = project.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    committed = files.verify(ended.run_id, 0)
    late = files.read_part(ended.run_id, 0)
    for run in (ended, running):
        assert files.write_attempt(run.run_id, 9, late).files["trades"]
        # As a driver leaves it that is killed.
        SharedFiles("", files.root, "synthetic", run.run_id).write_universe(None)
    _maintain(project, dry_run=True)
    assert len(files.find_uncommitted(ended.run_id)) == 2
    done = _maintain(project)
    assert files.find_uncommitted(ended.run_id) == []
    assert files.verify(ended.run_id, 0) == committed
    assert len(files.find_uncommitted(running.run_id)) == 2, "it may still be committed"
    logged = [entry.user_message for entry in project.instance.all_logs(done.run_id)]
    assert any("2 files of attempts that were not committed" in message for message in logged)


def test_a_damaged_manifest_keeps_late_files_and_is_logged(project: Project, in_a_year: None):
    run = project.run()
    files = project.resource("backtest_files")
    files.write_attempt(run.run_id, 9, files.read_part(run.run_id, 0))
    Path(files.root, run.run_id, "manifest-00000.json").write_text("{")
    left = {path.name for path in Path(files.root, run.run_id).iterdir()}
    done = _maintain(project)
    assert {path.name for path in Path(files.root, run.run_id).iterdir()} == left
    logged = [entry.user_message for entry in project.instance.all_logs(done.run_id)]
    assert any("manifest-00000.json is not what was written" in message for message in logged)


def test_recent_files_of_an_unknown_run_are_kept(project: Project):
    run = project.run(selection=["prices", "backtests/rsi"])
    project.instance.delete_run(run.run_id)
    _maintain(project, keep_days=1)
    assert _has_files(project, run)


def test_old_files_of_research_go_but_for_the_newest(project: Project, in_a_year: None):
    root = project.resource("backtest_files").root
    sweep, (old, new) = SweepFiles(root), (UUID(int=number) for number in range(2))
    kinds = [ResearchFiles(root, kind) for kind in ("walk_forward", "robustness")]
    an_hour_ago = (datetime.now(UTC) - timedelta(hours=1)).timestamp()
    for identity in (old, new):
        for files in kinds:
            files.write("rsi", identity, {"number": identity.int})
        sweep.write("rsi", str(identity)).close(pl.DataFrame(), pl.DataFrame(), {})
    written = [Path(one.path("rsi", old)) for one in kinds]
    for path in (*written, *Path(sweep.path("rsi", str(old))).iterdir()):
        os.utime(path, (an_hour_ago, an_hour_ago))
    _maintain(project, dry_run=True)
    assert all(path.exists() for path in written)
    done = _maintain(project)
    assert [one.find("rsi", old) for one in kinds] == [None, None]
    assert [one.find("rsi", new) for one in kinds] == [{"number": 1}] * 2
    assert [sweep.find("rsi", str(one)) for one in (old, new)] == [None, {}]
    logged = [entry.user_message for entry in project.instance.all_logs(done.run_id)]
    said = "of 3 results of research, 0 reports, and the positions of 0 nights were removed"
    assert any(said in message for message in logged)


def test_old_files_of_portfolios_go_but_for_the_newest(project: Project, in_a_year: None):
    files = PortfolioFiles(project.resource("backtest_files").root)
    old, new = (UUID(int=number) for number in range(2))
    an_hour_ago = (datetime.now(UTC) - timedelta(hours=1)).timestamp()
    for name in ("rsi", "mine"):
        files.write(name, new, {"number": 1}, dict.fromkeys(TABLES, pl.DataFrame()))
    files.write("rsi", old, {"number": 0}, dict.fromkeys(TABLES, pl.DataFrame()))
    folder = Path(files.path("rsi", old))
    for path in folder.iterdir():
        os.utime(path, (an_hour_ago, an_hour_ago))
    _maintain(project, dry_run=True)
    assert files.find("rsi", old) == {"number": 0}
    done = _maintain(project)
    assert not folder.exists()
    assert [files.find(name, new) for name in ("rsi", "mine")] == [{"number": 1}] * 2
    logged = [entry.user_message for entry in project.instance.all_logs(done.run_id)]
    assert any("of 1 results of research" in message for message in logged)


def test_old_positions_are_removed_but_those_of_the_last_nights(project: Project):
    nights = {date(2024, 1, 3): ["c", "b"], date(2024, 1, 2): ["e"], date(2024, 1, 1): ["d", "a"]}
    for run in "abcde":
        project.manager.append_forward(run, "files", [], [position()])
    made_at = {"a": "01 08:00", "b": "03 08:00", "c": "03 23:59", "d": "01 09:00", "e": "02 00:00"}
    with project.manager.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE next_positions DISABLE TRIGGER append_only")
        for run, time in made_at.items():
            connection.exec_driver_sql(
                f"UPDATE next_positions SET made_at = '2024-01-{time}Z' WHERE run_id = '{run}'"
            )
        connection.exec_driver_sql("ALTER TABLE next_positions ENABLE TRIGGER append_only")
    _maintain(project, keep_positions=2, dry_run=True)
    assert project.manager.get_position_runs() == nights
    _maintain(project, keep_positions=2)
    kept = dict(list(nights.items())[:2])
    assert project.manager.get_position_runs() == kept
    _maintain(project)
    assert project.manager.get_position_runs() == kept


def test_old_reports_are_removed_but_the_newest(project: Project):
    root = Path(project.resource("reports").root)
    files = ["first/index.html", "second/index.html", ".half.new/report.css"]
    other = root / "sample_2000-03-01_2013-03-01_0" / "leaderboard.csv"
    for number, path in enumerate([*(root / one for one in files), other]):
        path.parent.mkdir(parents=True)
        path.write_text("")
        at = (datetime.now(UTC) - timedelta(hours=40 - number)).timestamp()
        os.utime(path, (at, at))
    _maintain(project, dry_run=True, keep_days=1)
    assert len(list(root.iterdir())) == 4
    _maintain(project, keep_days=1)
    assert {path.name for path in root.iterdir()} == {"second", other.parent.name}


def test_superseded_prices_are_removed_only_with_keep_days(project: Project, in_a_year: None):
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
    assert store.read("files", "S00").equals(now), "the current bars stay"


def test_a_corrupt_version_is_logged_and_the_others_are_removed(project: Project, in_a_year: None):
    store = project.resource("price_store")
    project.run(("S00", "S01"), selection=["prices"])
    kept = {}
    for symbol in ("S00", "S01"):
        bars = store.read("files", symbol)
        changed = store.write("files", symbol, bars.with_columns(pl.col("volume") * 2.0))
        kept[symbol] = Path(changed.revision.path)
    kept["S00"].write_bytes(b"PAR1")
    done = _maintain(project, "remove_old_prices", keep_days=30)
    logged = [entry.user_message for entry in project.instance.all_logs(done.run_id)]
    assert any(f"{kept['S00']} is corrupt" in message for message in logged)
    assert [path.exists() for path in kept.values()] == [True, False]


def test_recent_and_unfinished_runs_are_kept(project: Project, monkeypatch: pytest.MonkeyPatch):
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


@pytest.mark.parametrize(("given", "days"), [({}, 30), ({"GAUNTLET_KEEP_DAYS": "7"}, 7)])
def test_the_schedule_runs_by_default_and_keeps_days(
    project: Project, given: dict[str, str], days: int
):
    settings = EnvironmentSettings.from_environment(
        {"GAUNTLET_UNIVERSE": str(ROOT / "universe.csv"), **given}
    )
    repository = build_defs(settings).get_repository_def()
    schedule = repository.get_schedule_def(MAINTENANCE)
    assert schedule.default_status == dg.DefaultScheduleStatus.RUNNING
    tick = schedule.evaluate_tick(
        dg.build_schedule_context(project.instance, datetime.now(UTC), repository_def=repository)
    )
    assert tick.run_requests is not None
    (request,) = tick.run_requests
    config = {"keep_days": days}
    assert request.run_config == {"ops": {"remove_old_runs": {"config": config}}}
    job = repository.get_job(MAINTENANCE)
    assert dg.validate_run_config(job, dict(request.run_config))


def test_removed_runs_give_their_space_back(project: Project, in_a_year: None):
    """A file that once was large does not stay so."""
    storage = project.instance.event_log_storage
    assert isinstance(storage, BatchedSqliteEventLogStorage)

    def count(what: str) -> int:
        with storage.index_connection() as index:
            return index.execute(sa.text(f"PRAGMA {what}_count")).scalar_one()

    for _ in range(4):
        project.run(selection=["prices"])
    before = count("page")
    _maintain(project)
    assert (count("page") < before - 5, count("freelist")) == (True, 0)
