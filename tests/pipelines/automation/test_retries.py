"""Only transient failures are retried: real runs, the real sensor."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest
from dagster._core.storage.tags import PARENT_RUN_ID_TAG

from pipelines.automation import retries
from pipelines.automation.retries import GAVE_UP_ON_TAG, RETRY_FAILED
from pipelines.partitions import find_contiguous_ranges
from tests.pipelines.overloaded import Overloaded
from tests.project import FEW_ASSETS, SYMBOLS, Project

NOTHING = "No transient failure to retry."


class Harness:
    """A project on an overloaded provider, and its sensor."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._file = project.folder / "rejected"
        self.reject()
        source = Overloaded(
            source="files",
            prices=str(project.folder / "prices"),
            rejected=str(self._file),
        )
        self.definitions = project.definitions(market_data=source)

    def reject(self, *symbols: str) -> None:
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
        """Run a request, as the daemon does."""
        keys = dg.AssetSelection.assets(*(request.asset_selection or []))
        return self.run(None, selection=keys, tags=request.tags)

    def run_killed(self) -> dg.DagsterRun:
        """Run all symbols in a process that dies before it can say that it has ended."""
        run = self.run().dagster_run
        self.project.instance.report_run_failed(run, "Its process was killed")
        return run

    def start_again(self, run: dg.DagsterRun) -> dg.DagsterRun:
        """Start a run in the place of one that was killed, as Dagster does."""
        return self.project.instance.create_run_for_job(
            self.definitions.resolve_job_def(RETRY_FAILED),
            tags={**run.tags, PARENT_RUN_ID_TAG: run.run_id},
            status=dg.DagsterRunStatus.STARTED,
        )


@pytest.fixture
def harness(project: Project) -> Harness:
    return Harness(project)


@pytest.fixture
def no_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "RETRY_DELAYS", (timedelta(0), timedelta(0)))


def _symbols(requests: Sequence[dg.RunRequest]) -> list[str]:
    return [request.tags["dagster/partition"] for request in requests]


def _names(request: dg.RunRequest) -> set[str]:
    return {key.to_user_string() for key in request.asset_selection or []}


def test_without_failures_nothing_is_requested(harness: Harness, no_delay: None):
    assert harness.look().skip_reason is not None
    assert harness.run().success
    result = harness.look()
    assert not result.run_requests
    assert result.skip_reason
    assert result.skip_reason.skip_message == NOTHING


def test_transient_failures_are_requested_with_tags_and_config(harness: Harness, no_delay: None):
    harness.project.spoil("S07")
    harness.reject("S03", "S04")
    config = {"resources": {"run_settings": {"config": {"fees": 0.002}}}}
    run = harness.run(tags={"user": "ann", "gauntlet/purpose": "pipeline"}, run_config=config)
    assert run.success
    requests = harness.requests()
    assert _symbols(requests) == ["S03", "S04"]
    assert all(_names(request) == set(FEW_ASSETS) for request in requests)
    assert all(request.run_config == config for request in requests)
    assert requests[0].tags == {
        "dagster/partition": "S03",
        "gauntlet/attempt": "1",
        "gauntlet/purpose": "pipeline",
        "gauntlet/retry_of": run.run_id,
        "user": "ann",
    }


def test_a_run_is_retried_once(harness: Harness, no_delay: None):
    harness.reject("S03", "S04")
    assert harness.run().success
    first, second = harness.requests()
    harness.reject()
    assert harness.launch(first).success
    assert not harness.requests(), "the run has been retried"
    assert harness.launch(second).success
    assert harness.project.materialized("backtest_summaries") == set(SYMBOLS)
    assert not harness.requests()


def test_symbols_materialized_since_then_are_not_requested(harness: Harness, no_delay: None):
    harness.reject("S03", "S05")
    assert harness.run().success
    harness.reject()
    assert harness.run("S03").success
    assert _symbols(harness.requests()) == ["S05"]


def test_before_the_delay_the_sensor_gives_the_next_attempt(harness: Harness):
    harness.reject("S03")
    assert harness.run().success
    result = harness.look()
    assert not result.run_requests
    assert result.skip_reason
    assert "S03: next attempt at " in str(result.skip_reason.skip_message)


def test_after_the_last_attempt_the_sensor_gives_up_once(
    harness: Harness, no_delay: None, capfd: pytest.CaptureFixture[str]
):
    harness.reject("S03")
    last = harness.run()
    assert last.success
    attempts = []
    while requests := harness.requests():
        (request,) = requests
        last = harness.launch(request)
        assert not last.success
        attempts.append(request.tags["gauntlet/attempt"])
    assert attempts == ["1", "2"]
    gave_up = "Gave up on S03 after 2 attempts; the last error: SourceUnavailableError: S03: 429"
    reason = harness.look().skip_reason
    assert reason
    assert str(reason.skip_message).startswith(gave_up)
    run = harness.project.instance.get_run_by_id(last.run_id)
    assert run
    assert run.tags[GAVE_UP_ON_TAG] == "S03"
    assert capfd.readouterr().err.count("Gave up on") == 1


def test_a_run_stopped_by_a_check_is_requested_as_a_whole(harness: Harness, no_delay: None):
    harness.reject(*SYMBOLS[:4])
    assert not harness.run(selection=["prices", "backtests/rsi"]).success
    (request,) = harness.requests()
    assert _names(request) == {"prices", "backtests/rsi"}
    assert request.tags["dagster/asset_partition_range_start"] == SYMBOLS[0]
    assert request.tags["dagster/asset_partition_range_end"] == SYMBOLS[-1]
    harness.reject()
    assert harness.launch(request).success
    assert harness.project.materialized("backtests", "rsi") == set(SYMBOLS)
    assert not harness.requests()


def test_a_killed_run_is_retried_after_it_was_started_again(harness: Harness, no_delay: None):
    harness.reject("S03")
    again = harness.start_again(harness.run_killed())
    assert not harness.requests(), "it is being executed"
    harness.project.instance.report_run_failed(again, "Its process was killed")
    (request,) = harness.requests()
    assert _names(request) == set(FEW_ASSETS)
    assert request.tags["dagster/asset_partition_range_end"] == SYMBOLS[-1]
    assert request.tags["gauntlet/retry_of"] == again.run_id
    harness.reject()
    assert harness.launch(request).success
    assert not harness.requests()


def test_a_killed_run_that_then_succeeds_leaves_its_symbols(
    harness: Harness, no_delay: None, monkeypatch: pytest.MonkeyPatch
):
    harness.reject("S03")
    killed, since = harness.run_killed(), datetime.now(UTC)
    # From where it was killed: what failed before that is not tried again.
    again = harness.run(None, selection=["leaderboard"], tags={PARENT_RUN_ID_TAG: killed.run_id})
    assert again.success
    monkeypatch.setattr(retries, "_LOOK_BACK", datetime.now(UTC) - since)
    (request,) = harness.requests()
    assert (_symbols([request]), _names(request)) == (["S03"], set(FEW_ASSETS))
    assert request.tags["gauntlet/retry_of"] == again.run_id


def test_a_killed_run_is_left_alone_once_canceled(harness: Harness, no_delay: None):
    harness.reject("S03")
    again = harness.start_again(harness.run_killed())
    harness.project.instance.report_run_canceled(again)
    assert not harness.requests()


def test_many_failures_are_requested_as_ranges(
    harness: Harness, no_delay: None, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(retries, "_MAX_SINGLE_RUNS", 2)
    harness.reject("S03", "S04", "S09")
    assert harness.run(selection=["prices"]).success
    first, second = harness.requests()
    assert first.tags["dagster/asset_partition_range_start"] == "S03"
    assert first.tags["dagster/asset_partition_range_end"] == "S04"
    assert second.tags["dagster/partition"] == "S09"


def test_without_the_result_store_the_sensor_skips(harness: Harness, no_delay: None):
    harness.reject("S03")
    assert harness.run().success
    nowhere = "postgresql://nobody@127.0.0.1:1/none"
    store = type(harness.project.result_store)(
        database_url=nowhere, home=str(harness.project.folder), retry_timeout_seconds=0
    )
    harness.project.result_store = store
    result = harness.look()
    assert not result.run_requests
    assert result.skip_reason
    assert "can't be read" in str(result.skip_reason.skip_message)


def test_ranges_are_contiguous_in_the_order_of_the_universe():
    universe = ["C", "A", "B", "E", "D"]
    assert find_contiguous_ranges(universe, {"A", "B", "D"}) == [("A", "B"), ("D", "D")]
    assert find_contiguous_ranges(universe, universe) == [("C", "D")]
    assert find_contiguous_ranges(universe, []) == []
