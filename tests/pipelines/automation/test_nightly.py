"""The schedule requests one run per session, after its close: a year of ticks, one real run."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from dagster._utils.schedules import schedule_execution_time_iterator

from pipelines.automation.nightly import NIGHTLY
from pipelines.definitions import build_defs
from resources.config.environment import EnvironmentSettings
from resources.trading_calendar import get_calendar
from tests.project import SYMBOLS, Project

NEW_YORK = ZoneInfo("America/New_York")
ROOT = Path(__file__).resolve().parents[3]

HALF_DAYS = {date(2026, 11, 27), date(2026, 12, 24)}
CLOCKS_CHANGE = {date(2026, 3, 9), date(2026, 11, 2)}
"""The sessions after New York's clocks have changed, in spring and in autumn."""


def _repository(**environ: str) -> dg.RepositoryDefinition:
    settings = {"GAUNTLET_UNIVERSE": str(ROOT / "universe.csv"), **environ}
    return build_defs(EnvironmentSettings.from_environment(settings)).get_repository_def()


def _evaluate(
    repository: dg.RepositoryDefinition,
    at: datetime,
    instance: dg.DagsterInstance | None = None,
    name: str = NIGHTLY,
) -> dg.RunRequest | str:
    """Evaluate a tick as the daemon does; return its request, or why it skips."""
    context = dg.build_schedule_context(
        instance=instance, scheduled_execution_time=at, repository_def=repository
    )
    data = repository.get_schedule_def(name).evaluate_tick(context)
    if data.skip_message:
        return data.skip_message
    (request,) = data.run_requests or []
    return request


def _ticks(schedule: dg.ScheduleDefinition, year: int) -> Iterator[datetime]:
    begin = datetime(year, 1, 1, tzinfo=NEW_YORK)
    ticks = schedule_execution_time_iterator(
        begin.timestamp(), schedule.cron_schedule, schedule.execution_timezone, ascending=True
    )
    for tick in ticks:
        if tick.astimezone(NEW_YORK).year > year:
            return
        yield tick


@pytest.fixture(scope="module")
def abroad(tmp_path_factory: pytest.TempPathFactory) -> dg.RepositoryDefinition:
    universe = tmp_path_factory.mktemp("abroad") / "universe.csv"
    universe.write_text("symbol,calendar\nAAPL,\nVOD.L,XLON\n7203.T,XTKS\nBTC-USD,24/7\n")
    return _repository(GAUNTLET_UNIVERSE=str(universe))


@pytest.fixture(scope="module")
def repository() -> dg.RepositoryDefinition:
    return _repository()


def test_ticks_of_a_year_request_each_session_after_its_close(repository: dg.RepositoryDefinition):
    schedule = repository.get_schedule_def(NIGHTLY)
    requested: dict[date, datetime] = {}
    for tick in _ticks(schedule, 2026):
        request = _evaluate(repository, tick)
        if isinstance(request, dg.RunRequest):
            day = date.fromisoformat(str(request.run_key))
            assert day not in requested
            requested[day] = tick
    sessions = get_calendar().sessions(date(2026, 1, 1), date(2026, 12, 31))
    assert list(requested) == [day.astype(date) for day in sessions]
    assert not {date(2026, 11, 26), date(2026, 12, 25)} & requested.keys()
    for day, tick in requested.items():
        local = tick.astimezone(NEW_YORK)
        expected = "13:30" if day in HALF_DAYS else "16:30"
        assert (local.date(), f"{local:%H:%M}") == (day, expected)
    assert requested.keys() >= CLOCKS_CHANGE
    hours = {requested[day].astimezone(UTC).hour for day in (date(2026, 3, 6), date(2026, 3, 9))}
    assert hours == {20, 21}, "the exchange keeps its hour, and UTC does not"


@pytest.mark.parametrize(
    ("at", "reason"),
    [
        ("2026-11-26 16:30", "2026-11-26 is not a session of XNYS."),
        ("2026-12-25 13:30", "2026-12-25 is not a session of XNYS."),
        ("2026-11-28 16:30", "2026-11-28 is not a session of XNYS."),
        ("2026-11-25 13:30", "The session of 2026-11-25 closes at 16:00: its run is at 16:30."),
        (
            "2026-11-27 16:30",
            "The session of 2026-11-27 closed at 13:00: its run was at 13:30.",
        ),
    ],
)
def test_a_skipped_tick_has_a_reason(repository: dg.RepositoryDefinition, at: str, reason: str):
    assert _evaluate(repository, datetime.fromisoformat(at).replace(tzinfo=NEW_YORK)) == reason


def test_each_exchange_has_a_schedule_in_its_time(abroad: dg.RepositoryDefinition):
    found = {one.name: one for one in abroad.schedule_defs if one.name.startswith(NIGHTLY)}
    assert {name: (one.cron_schedule, one.execution_timezone) for name, one in found.items()} == {
        "nightly": (["30 13 * * 1-5", "30 16 * * 1-5"], "America/New_York"),
        "nightly_xlon": (["0 13 * * *", "0 17 * * *"], "Europe/London"),
        "nightly_xtks": (["0 16 * * *"], "Asia/Tokyo"),
        "nightly_24_7": (["30 0 * * *"], "UTC"),
    }
    assert {one.job_name for one in found.values()} == {NIGHTLY}


@pytest.mark.parametrize(
    ("name", "at", "outcome"),
    [
        ("nightly_xtks", "2026-11-26 16:00 Asia/Tokyo", "2026-11-26"),
        ("nightly_xtks", "2026-11-23 16:00 Asia/Tokyo", "2026-11-23 is not a session of XTKS."),
        ("nightly_xlon", "2026-12-24 13:00 Europe/London", "2026-12-24"),
        (
            "nightly_xlon",
            "2026-12-24 17:00 Europe/London",
            "The session of 2026-12-24 closed at 12:30: its run was at 13:00.",
        ),
        ("nightly_24_7", "2026-11-29 00:30 UTC", "2026-11-28"),
    ],
)
def test_each_exchange_has_its_own_sessions(
    abroad: dg.RepositoryDefinition, name: str, at: str, outcome: str
):
    day, hour, zone = at.split()
    tick = datetime.fromisoformat(f"{day} {hour}").replace(tzinfo=ZoneInfo(zone))
    found = _evaluate(abroad, tick, name=name)
    assert (found.run_key if isinstance(found, dg.RunRequest) else found) == outcome


def test_no_run_is_requested_outside_source_and_window():
    at = datetime(2026, 11, 25, 16, 30, tzinfo=NEW_YORK)
    assert "'sample' ends in 2013" in str(_evaluate(_repository(GAUNTLET_SOURCE="sample"), at))
    later = _repository(GAUNTLET_START="2026-11-26", GAUNTLET_END="2026-12-31")
    assert "The window starts on 2026-11-26" in str(_evaluate(later, at))


def test_the_schedule_is_stopped_by_default(repository: dg.RepositoryDefinition):
    schedule = repository.get_schedule_def(NIGHTLY)
    assert schedule.default_status == dg.DefaultScheduleStatus.STOPPED


def test_a_request_is_one_run_of_all_symbols_up_to_the_session(project: Project):
    repository = project.definitions().get_repository_def()
    at = datetime(2022, 12, 30, 16, 30, tzinfo=NEW_YORK)
    request = _evaluate(repository, at, project.instance)
    assert isinstance(request, dg.RunRequest)
    run = repository.get_job(NIGHTLY).execute_in_process(
        instance=project.instance,
        run_config=request.run_config,
        tags=request.tags,
        raise_on_error=False,
    )
    assert run.success, project.why(run)
    assert project.materialized_by(run.run_id, "backtest_summaries") == set(SYMBOLS)
    # Its window is not the configured one, but meant: the leaderboard is everybody's.
    assert project.materialized_by(run.run_id, "leaderboard") == {"None"}
    assert project.manager.get_leaderboard()["end_date"].unique().to_list() == [at.date()]
    rows = project.manager.get_backtests_by_symbol(SYMBOLS[0])
    assert {(row["start_date"], row["end_date"]) for row in rows} == {
        (project.settings.start, at.date())
    }


def test_missed_ticks_request_their_own_session(repository: dg.RepositoryDefinition):
    at = datetime(2026, 11, 23, 16, 30, tzinfo=NEW_YORK)
    requests = [_evaluate(repository, at + timedelta(days=days)) for days in (0, 1)]
    ends = [
        request.run_config["resources"]["run_settings"]["config"]
        for request in requests
        if isinstance(request, dg.RunRequest)
    ]
    assert ends == [{"end": "2026-11-23"}, {"end": "2026-11-24"}]
