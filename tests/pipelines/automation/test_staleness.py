"""New symbols and changed code are brought up to date once, and nothing else: real runs."""

from collections.abc import Sequence

import dagster as dg
import pytest

from pipelines.automation.staleness import NEW_SYMBOL, STALE_RESULTS
from tests.project import FEW_ASSETS, SYMBOLS, Project

RSI = {"backtests/rsi", "backtest_summaries", "leaderboard"}


class Desk:
    """A project and its two sensors; `version` is the code version of backtests/rsi."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.cursor: str | None = None
        self.version: str | None = None

    @property
    def definitions(self) -> dg.Definitions:
        made = self.project.definitions()
        return made.map_asset_specs(func=self._changed) if self.version else made

    def _changed(self, spec: dg.AssetSpec) -> dg.AssetSpec:
        rsi = spec.key == dg.AssetKey(["backtests", "rsi"])
        return spec.replace_attributes(code_version=self.version) if rsi else spec

    def look(self, sensor: str) -> dg.SensorResult:
        repository = self.definitions.get_repository_def()
        context = dg.build_sensor_context(
            self.project.instance, repository_def=repository, cursor=self.cursor
        )
        result = repository.get_sensor_def(sensor)(context)
        assert isinstance(result, dg.SensorResult)
        if sensor == STALE_RESULTS:
            self.cursor = result.cursor or self.cursor
        return result

    def requests(self, sensor: str) -> Sequence[dg.RunRequest]:
        return self.look(sensor).run_requests or []

    def launch(self, request: dg.RunRequest) -> dg.ExecuteInProcessResult:
        """Run what was requested, as the daemon does."""
        keys = dg.AssetSelection.assets(*(request.asset_selection or FEW_ASSETS))
        return self.project.run(
            None,
            selection=keys,
            tags=request.tags,
            run_config=request.run_config,
            definitions=self.definitions,
        )

    def list(self, *symbols: str) -> None:
        """Write a universe with these symbols."""
        text = "\n".join(["symbol", *symbols, ""])
        (self.project.folder / "universe.csv").write_text(text)


@pytest.fixture
def desk(project: Project) -> Desk:
    return Desk(project)


def _names(request: dg.RunRequest) -> set[str]:
    return {key.to_user_string() for key in request.asset_selection or []}


def _range(first: str, last: str) -> dict[str, str]:
    return {
        "dagster/asset_partition_range_start": first,
        "dagster/asset_partition_range_end": last,
    }


def test_a_complete_history_requests_nothing(desk: Desk):
    assert desk.project.run().success
    assert not desk.requests(NEW_SYMBOL)
    assert not desk.requests(STALE_RESULTS)
    told = desk.look(STALE_RESULTS).skip_reason
    assert told
    assert told.skip_message == "The code is that of the last look."


def test_new_symbols_are_requested_with_the_whole_graph_and_once(desk: Desk):
    desk.list(*SYMBOLS[:9])
    assert desk.project.run((SYMBOLS[0], SYMBOLS[8])).success
    desk.list(*SYMBOLS[:12], *SYMBOLS[13:14])
    desk.project.spoil("S13")
    (request,) = desk.requests(NEW_SYMBOL)
    assert request.tags == _range("S09", "S13")
    assert request.asset_selection is None, "all of the job, which is the whole graph"
    run = desk.launch(request)
    new = {"S09", "S10", "S11"}
    assert desk.project.materialized_by(run.run_id, "prices") == new
    assert not desk.requests(NEW_SYMBOL), "the one that failed is not asked for again"
    assert not desk.requests(STALE_RESULTS)


def test_what_is_requested_takes_its_place_in_the_newest_leaderboard(desk: Desk):
    terms = {
        "run_settings": {"config": {"end": "2022-06-30", "fees": 0.002}},
        "thresholds": {"config": {"success_rate": 0.9}},
    }
    desk.list(*SYMBOLS[:5])
    assert desk.project.run((SYMBOLS[0], SYMBOLS[4]), run_config={"resources": terms}).success
    assert not desk.requests(STALE_RESULTS)
    desk.list(*SYMBOLS[:6])
    desk.version = "changed"
    for sensor in (NEW_SYMBOL, STALE_RESULTS):
        (request,) = desk.requests(sensor)
        assert request.run_config == {"resources": terms}
        run = desk.launch(request)
        assert run.success
        (leaderboard,) = run.asset_materializations_for_node("leaderboard")
        assert leaderboard.metadata["symbols"].value == 6


def test_symbols_that_stand_apart_are_a_run_each(desk: Desk):
    desk.list("S01", "S03")
    assert desk.project.run(("S01", "S03"), selection=["prices"]).success
    desk.list("S00", "S01", "S02", "S03")
    tags = [request.tags for request in desk.requests(NEW_SYMBOL)]
    assert tags == [{"dagster/partition": "S00"}, {"dagster/partition": "S02"}]


def test_changed_code_makes_its_results_and_what_is_downstream_anew(desk: Desk):
    assert desk.project.run().success
    assert not desk.requests(STALE_RESULTS)
    desk.version = "changed"
    assert not desk.requests(NEW_SYMBOL)
    (request,) = desk.requests(STALE_RESULTS)
    assert _names(request) == RSI
    assert request.tags == _range(SYMBOLS[0], SYMBOLS[-1])
    run = desk.launch(request)
    assert run.success, desk.project.why(run)
    assert desk.project.materialized_by(run.run_id, "backtests", "rsi") == set(SYMBOLS)
    assert desk.project.materialized_by(run.run_id, "backtest_summaries") == set(SYMBOLS)
    assert not desk.requests(STALE_RESULTS)
    desk.cursor = None
    assert not desk.requests(STALE_RESULTS), "whoever looks anew sees them made"


def test_symbols_that_had_failed_before_are_left_out(desk: Desk):
    desk.project.spoil("S07")
    assert desk.project.run().success
    desk.version = "changed"
    first, second = desk.requests(STALE_RESULTS)
    assert (first.tags, second.tags) == (_range("S00", "S06"), _range("S08", "S19"))


def test_what_fails_with_the_new_code_is_not_requested_for_ever(desk: Desk):
    assert desk.project.run().success
    desk.version = "changed"
    assert len(desk.requests(STALE_RESULTS)) == 1
    assert not desk.requests(STALE_RESULTS), "requested, and then failed or never begun"
    desk.version = "changed again"
    assert len(desk.requests(STALE_RESULTS)) == 1


def test_it_waits_for_a_run_that_has_not_ended(desk: Desk):
    assert desk.project.run(selection=["prices", "backtests/rsi"]).success
    desk.version = "changed"
    job = desk.definitions.resolve_job_def(STALE_RESULTS)
    running = desk.project.instance.create_run_for_job(
        job, status=dg.DagsterRunStatus.STARTED, tags=_range("S00", "S19")
    )
    result = desk.look(STALE_RESULTS)
    assert not result.run_requests
    assert result.skip_reason
    assert running.run_id in str(result.skip_reason.skip_message)
    desk.project.instance.report_run_canceled(running)
    (request,) = desk.requests(STALE_RESULTS)
    assert _names(request) == RSI


def test_they_are_stopped_until_somebody_starts_them(project: Project):
    repository = project.definitions().get_repository_def()
    for name in (NEW_SYMBOL, STALE_RESULTS):
        assert repository.get_sensor_def(name).default_status == dg.DefaultSensorStatus.STOPPED
