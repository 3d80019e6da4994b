"""What fails for a reason that passes is run again, and only that: real runs, the real sensor."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import dagster as dg
import pytest

from pipelines.automation import retries
from pipelines.automation.retries import GAVE_UP_ON, RETRY_FAILED
from pipelines.partitions import unbroken_ranges
from tests.pipelines.overloaded import Overloaded
from tests.project import FEW_ASSETS, SYMBOLS, Project

NOTHING = "Nothing has failed for a reason that passes."


class Desk:
    """A project on such a provider, and its sensor."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._file = project.folder / "turned_away"
        self.turn_away()
        source = Overloaded(
            source="files",
            prices=str(project.folder / "prices"),
            turned_away=str(self._file),
        )
        self.definitions = project.definitions(market_data=source)

    def turn_away(self, *symbols: str) -> None:
        self._file.write_text(" ".join(symbols))

    def run(self, *args: Any, **kwargs: Any) -> dg.ExecuteInProcessResult:
        return self.project.run(*args, definitions=self.definitions, **kwargs)

    def look(self) -> dg.SensorResult:
        repository = self.definitions.get_repository_def()
        context = dg.build_sensor_context(
            self.project.instance,
            repository_def=repository,
            resources={"result_store": self.project.result_store},
        )
        result = repository.get_sensor_def(RETRY_FAILED)(context)
        assert isinstance(result, dg.SensorResult)
        return result

    def requests(self) -> Sequence[dg.RunRequest]:
        return self.look().run_requests or []

    def launch(self, request: dg.RunRequest) -> dg.ExecuteInProcessResult:
        """Run what was requested, as the daemon does."""
        keys = dg.AssetSelection.assets(*(request.asset_selection or []))
        return self.run(None, selection=keys, tags=request.tags)


@pytest.fixture
def desk(project: Project) -> Desk:
    return Desk(project)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "WAITS", (timedelta(0), timedelta(0)))


def _told(requests: Sequence[dg.RunRequest]) -> list[str]:
    return [request.tags["dagster/partition"] for request in requests]


def _names(request: dg.RunRequest) -> set[str]:
    return {key.to_user_string() for key in request.asset_selection or []}


def test_nothing_is_requested_where_nothing_ran_or_failed(desk: Desk, at_once: None):
    assert desk.look().skip_reason is not None
    assert desk.run().success
    result = desk.look()
    assert not result.run_requests
    assert result.skip_reason
    assert result.skip_reason.skip_message == NOTHING


def test_only_what_failed_for_a_passing_reason_is_requested_each_alone(desk: Desk, at_once: None):
    desk.project.spoil("S07")
    desk.turn_away("S03", "S04")
    run = desk.run(tags={"user": "ann"})
    assert run.success
    requests = desk.requests()
    assert _told(requests) == ["S03", "S04"]
    assert all(_names(request) == set(FEW_ASSETS) for request in requests)
    assert requests[0].tags == {
        "dagster/partition": "S03",
        "gauntlet/attempt": "1",
        "gauntlet/retry_of": run.run_id,
        "user": "ann",
    }


def test_it_becomes_good_and_is_not_requested_again(desk: Desk, at_once: None):
    desk.turn_away("S03", "S04")
    assert desk.run().success
    first, second = desk.requests()
    desk.turn_away()
    assert desk.launch(first).success
    assert not desk.requests(), "the run has been repeated, one after the other"
    assert desk.launch(second).success
    assert desk.project.materialized("backtest_summaries") == set(SYMBOLS)
    assert not desk.requests()


def test_what_somebody_has_mended_meanwhile_is_not_requested(desk: Desk, at_once: None):
    desk.turn_away("S03", "S05")
    assert desk.run().success
    desk.turn_away()
    assert desk.run("S03").success
    assert _told(desk.requests()) == ["S05"]


def test_it_waits_and_says_until_when(desk: Desk):
    desk.turn_away("S03")
    assert desk.run().success
    result = desk.look()
    assert not result.run_requests
    assert result.skip_reason
    assert "S03 not before " in str(result.skip_reason.skip_message)


def test_it_gives_up_after_the_last_attempt_and_says_so_once(
    desk: Desk, at_once: None, capfd: pytest.CaptureFixture[str]
):
    desk.turn_away("S03")
    last = desk.run()
    assert last.success
    attempts = []
    while requests := desk.requests():
        (request,) = requests
        last = desk.launch(request)
        assert not last.success
        attempts.append(request.tags["gauntlet/attempt"])
    assert attempts == ["1", "2"]
    told = "Gave up on S03 after 2 attempts; the last reason: SourceUnavailableError: S03: 429"
    reason = desk.look().skip_reason
    assert reason
    assert str(reason.skip_message).startswith(told)
    run = desk.project.instance.get_run_by_id(last.run_id)
    assert run
    assert run.tags[GAVE_UP_ON] == "S03"
    assert capfd.readouterr().err.count("Gave up on") == 1


def test_a_run_that_its_gate_has_stopped_is_requested_as_it_was(desk: Desk, at_once: None):
    desk.turn_away(*SYMBOLS[:4])
    assert not desk.run(selection=["prices", "backtests/rsi"]).success
    (request,) = desk.requests()
    assert _names(request) == {"prices", "backtests/rsi"}
    assert request.tags["dagster/asset_partition_range_start"] == SYMBOLS[0]
    assert request.tags["dagster/asset_partition_range_end"] == SYMBOLS[-1]
    desk.turn_away()
    assert desk.launch(request).success
    assert desk.project.materialized("backtests", "rsi") == set(SYMBOLS)
    assert not desk.requests()


def test_many_are_requested_as_ranges(desk: Desk, at_once: None, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(retries, "_ALONE", 2)
    desk.turn_away("S03", "S04", "S09")
    assert desk.run(selection=["prices"]).success
    first, second = desk.requests()
    assert first.tags["dagster/asset_partition_range_start"] == "S03"
    assert first.tags["dagster/asset_partition_range_end"] == "S04"
    assert second.tags["dagster/partition"] == "S09"


def test_the_run_config_is_that_of_the_run(desk: Desk, at_once: None):
    config = {"resources": {"run_settings": {"config": {"fees": 0.002}}}}
    desk.turn_away("S03")
    assert desk.run(run_config=config).success
    (request,) = desk.requests()
    assert request.run_config == config


def test_a_store_that_is_away_is_said_and_requests_nothing(desk: Desk, at_once: None):
    desk.turn_away("S03")
    assert desk.run().success
    nowhere = "postgresql://nobody@127.0.0.1:1/none"
    store = type(desk.project.result_store)(
        database_url=nowhere, home=str(desk.project.folder), patience_seconds=0
    )
    desk.project.result_store = store
    result = desk.look()
    assert not result.run_requests
    assert result.skip_reason
    assert "can't be read" in str(result.skip_reason.skip_message)


def test_ranges_are_unbroken_in_the_order_of_the_universe():
    universe = ["C", "A", "B", "E", "D"]
    assert unbroken_ranges(universe, {"A", "B", "D"}) == [("A", "B"), ("D", "D")]
    assert unbroken_ranges(universe, universe) == [("C", "D")]
    assert unbroken_ranges(universe, []) == []
