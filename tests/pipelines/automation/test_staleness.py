"""New symbols and stale results are requested once: real runs."""

from collections.abc import Sequence
from dataclasses import replace

import dagster as dg
import pytest

from pipelines.automation.staleness import NEW_SYMBOL, STALE_RESULTS
from resources.config.run_purpose import PURPOSE_TAG
from resources.dagster_event_log.versions import add_source
from strategies.registry import registered_strategies
from tests.project import FEW_ASSETS, SYMBOLS, Project

PART_OF_RSI = {"backtests/rsi", "backtest_summaries", "leaderboard"}
# Of the summaries, every portfolio shows the Sharpe ratios of the single backtests.
PORTFOLIOS = {f"portfolios/{name}" for name in [*registered_strategies(), "all_strategies"]}
RSI = PART_OF_RSI | PORTFOLIOS | {"forward_record", "tear_sheets"}
RESEARCH_OF_RSI = {"optimizations/rsi", "walk_forward/rsi", "robustness/rsi", "verdicts"}


class Harness:
    """A project and its two sensors; `version` is the code version of all that is of rsi."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.cursor: str | None = None
        self.version: str | None = None
        self.source = project.source

    @property
    def definitions(self) -> dg.Definitions:
        definitions = replace(self.project, source=self.source).definitions()
        if self.version is None:
            return definitions
        return definitions.map_asset_specs(func=self._change)

    def _change(self, spec: dg.AssetSpec) -> dg.AssetSpec:
        rsi = spec.key.path[-1] == "rsi"
        version = add_source(self.version or "", self.source)
        return spec.replace_attributes(code_version=version) if rsi else spec

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
        """Run a request, as the daemon does."""
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
def harness(project: Project) -> Harness:
    return Harness(project)


def _names(request: dg.RunRequest) -> set[str]:
    return {key.to_user_string() for key in request.asset_selection or []}


def _range(first: str, last: str) -> dict[str, str]:
    return {
        "dagster/asset_partition_range_start": first,
        "dagster/asset_partition_range_end": last,
    }


def test_only_a_changed_code_version_is_requested_and_once(harness: Harness):
    assert harness.project.run().success
    assert not harness.requests(NEW_SYMBOL)
    assert not harness.requests(STALE_RESULTS)
    skipped = harness.look(STALE_RESULTS).skip_reason
    assert skipped
    assert skipped.skip_message == "The code has not changed."
    harness.version = "changed"
    assert len(harness.requests(STALE_RESULTS)) == 1
    assert not harness.requests(STALE_RESULTS), "whether its run failed or never began"
    harness.version = "changed again"
    assert len(harness.requests(STALE_RESULTS)) == 1


def test_new_symbols_are_requested_once_with_the_whole_graph(harness: Harness):
    harness.list(*SYMBOLS[:9])
    assert harness.project.run((SYMBOLS[0], SYMBOLS[8])).success
    harness.list(*SYMBOLS[:12], *SYMBOLS[13:14])
    harness.project.spoil("S13")
    (request,) = harness.requests(NEW_SYMBOL)
    assert request.tags == _range("S09", "S13")
    assert request.asset_selection is None, "the whole job, which is the graph without research"
    run = harness.launch(request)
    new = {"S09", "S10", "S11"}
    assert harness.project.materialized_by(run.run_id, "prices") == new
    assert not harness.requests(NEW_SYMBOL), "the failed one is not requested again"
    assert not harness.requests(STALE_RESULTS)


def test_requests_have_the_settings_of_the_newest_leaderboard(harness: Harness):
    settings = {
        "run_settings": {"config": {"end": "2022-06-30", "fees": 0.002}},
        "thresholds": {"config": {"success_rate": 0.9}},
    }
    harness.list(*SYMBOLS[:5])
    first, meant = (SYMBOLS[0], SYMBOLS[4]), {PURPOSE_TAG: "pipeline"}
    run_config = {"resources": settings}
    assert harness.project.run(first, run_config=run_config, tags=meant).success
    # A what-if is newer, but no leaderboard of everybody's.
    dearer = {"resources": {"run_settings": {"config": {"fees": 0.01}}}}
    assert harness.project.run(SYMBOLS[0], run_config=dearer).success
    assert not harness.requests(STALE_RESULTS)
    harness.list(*SYMBOLS[:6])
    harness.version = "changed"
    for sensor in (NEW_SYMBOL, STALE_RESULTS):
        (request,) = harness.requests(sensor)
        assert request.run_config == run_config
        assert request.tags.items() >= meant.items()
        run = harness.launch(request)
        assert run.success
        (leaderboard,) = run.asset_materializations_for_node("leaderboard")
        assert leaderboard.metadata["symbols"].value == "6 of 6 symbols"


def test_symbols_that_are_not_contiguous_get_separate_runs(harness: Harness):
    harness.list("S01", "S03")
    assert harness.project.run(("S01", "S03"), selection=["prices"]).success
    harness.list("S00", "S01", "S02", "S03")
    tags = [request.tags for request in harness.requests(NEW_SYMBOL)]
    assert tags == [{"dagster/partition": "S00"}, {"dagster/partition": "S02"}]


def test_changed_code_requests_its_results_and_all_downstream(harness: Harness):
    assert harness.project.run().success
    assert not harness.requests(STALE_RESULTS)
    harness.version = "changed"
    assert not harness.requests(NEW_SYMBOL)
    (request,) = harness.requests(STALE_RESULTS)
    assert _names(request) == RSI
    assert request.tags == _range(SYMBOLS[0], SYMBOLS[-1])
    run = harness.launch(request)
    assert run.success, harness.project.why(run)
    assert harness.project.materialized_by(run.run_id, "backtests", "rsi") == set(SYMBOLS)
    assert harness.project.materialized_by(run.run_id, "backtest_summaries") == set(SYMBOLS)
    assert not harness.requests(STALE_RESULTS)
    harness.cursor = None
    assert not harness.requests(STALE_RESULTS), "without a cursor they are seen as materialized"


def test_symbols_that_failed_before_are_not_stale(harness: Harness):
    harness.project.spoil("S07")
    assert harness.project.run().success
    harness.version = "changed"
    first, second = harness.requests(STALE_RESULTS)
    assert (first.tags, second.tags) == (_range("S00", "S06"), _range("S08", "S19"))


def test_changed_code_requests_its_research_once_and_last(harness: Harness):
    project = harness.project
    swept = [*FEW_ASSETS, "optimizations/rsi", "verdicts"]
    project.spoil("S07")
    made = project.run(selection=swept)
    assert made.success, project.why(made)
    assert not harness.requests(STALE_RESULTS)
    harness.version = "changed"
    # A symbol has failed, so no run is of all of them: research has one of its own.
    *ranges, last = harness.requests(STALE_RESULTS)
    assert [_names(one) for one in ranges] == [PART_OF_RSI] * 2
    assert (_names(last), last.tags) == (RESEARCH_OF_RSI | {"leaderboard", "tear_sheets"}, {})
    run = harness.launch(last)
    assert run.success, project.why(run)
    harness.cursor = None
    assert [_names(one) for one in harness.requests(STALE_RESULTS)] == [PART_OF_RSI] * 2, (
        "research is new"
    )
    project.fix("S07")
    assert project.run("S07").success
    harness.version = "changed again"
    (whole,) = harness.requests(STALE_RESULTS)
    assert _names(whole) == RSI | RESEARCH_OF_RSI
    assert whole.tags == _range(SYMBOLS[0], SYMBOLS[-1])


def test_a_switch_of_source_requests_nothing(harness: Harness):
    few = ["prices", "backtests/rsi"]
    config = {"resources": {"run_settings": {"config": {"end": "2022-06-30"}}}}
    meant = {PURPOSE_TAG: "pipeline"}
    assert harness.project.run(run_config=config, tags=meant).success
    assert not harness.requests(STALE_RESULTS)
    harness.source = "synthetic"
    assert not harness.requests(STALE_RESULTS)
    assert harness.project.run("S03", selection=few, definitions=harness.definitions).success
    harness.version = "changed"
    (request,) = harness.requests(STALE_RESULTS)
    assert request.tags == {"dagster/partition": "S03"}, "those of files are left alone"
    assert request.run_config == {}, "the window of the newest leaderboard is that of files"
    harness.source = harness.project.source
    first, second = harness.requests(STALE_RESULTS)
    ranges = [_range("S00", "S02") | meant, _range("S04", "S19") | meant]
    assert [first.tags, second.tags] == ranges
    assert first.run_config == config


def test_stale_results_wait_for_runs_in_progress(harness: Harness):
    assert harness.project.run(selection=["prices", "backtests/rsi"]).success
    harness.version = "changed"
    job = harness.definitions.resolve_job_def(STALE_RESULTS)
    running = harness.project.instance.create_run_for_job(
        job, status=dg.DagsterRunStatus.STARTED, tags=_range("S00", "S19")
    )
    result = harness.look(STALE_RESULTS)
    assert not result.run_requests
    assert result.skip_reason
    assert running.run_id in str(result.skip_reason.skip_message)
    harness.project.instance.report_run_canceled(running)
    (request,) = harness.requests(STALE_RESULTS)
    assert _names(request) == RSI


def test_both_sensors_are_stopped_by_default(project: Project):
    repository = project.definitions().get_repository_def()
    for name in (NEW_SYMBOL, STALE_RESULTS):
        assert repository.get_sensor_def(name).default_status == dg.DefaultSensorStatus.STOPPED
