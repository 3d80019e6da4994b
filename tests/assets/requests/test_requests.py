"""A request is checked, computed, stored with its user and run, and shown in the Dagster UI."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest
from dagster._core.remote_representation.external_data import JobDataSnap
from dagster._core.snap.snap_to_yaml import default_values_yaml_from_type_snap
from dagster_shared.yaml_utils import load_run_config_yaml

from assets.asset_keys import REQUESTS_KEY
from assets.checks.catalogue import THRESHOLD_CHECKS
from assets.markdown import render_markdown
from resources.market_data.bars import data_version
from resources.market_data.sources.synthetic import SyntheticSource
from resources.price_store.parquet import encode
from tests.project import START, SYMBOLS, Project

_CHECKS = [check.name for check in THRESHOLD_CHECKS["backtest_requests"]]
_SYMBOL_RATE = "concurrent_requests_symbol_success_rate"
_SECONDS = "concurrent_requests_seconds"
REQUEST = {"user": "ann", "symbols": ["S03", "S01"], "strategy": "sma_cross"}


def run_request(
    project: Project, request: Mapping[str, Any], **settings: Any
) -> dg.ExecuteInProcessResult:
    """Run a request, with the given settings instead of the defaults."""
    flat = {name: settings.pop(name) for name in ("start", "end", "fees") if name in settings}
    config = {**request, **flat, "settings": settings}
    job = project.definitions().resolve_job_def("backtest_request")
    return job.execute_in_process(
        run_config=config, instance=project.instance, raise_on_error=False
    )


def metadata(project: Project) -> Mapping[str, Any]:
    event = project.instance.get_latest_materialization_event(REQUESTS_KEY)
    assert event is not None
    assert event.asset_materialization is not None
    return event.asset_materialization.metadata


def count_requests(project: Project, result: dg.ExecuteInProcessResult) -> int:
    """Return how often a request asked its source for bars."""
    run = project.manager.get_run(result.run_id)
    assert run is not None
    return run["profile"]["backtest_requests"]["source_requests"]


def test_results_are_stored_with_the_user_and_the_run(project: Project):
    asked = {**REQUEST, "parameters": {"fast_period": 5}}
    result = run_request(project, asked, fees=0.0, stop_loss=0.05)
    assert result.success
    rows = project.manager.get_backtests_by_run(result.run_id)
    assert rows["symbol"].to_list() == ["S01", "S03"]
    assert all('"fast_period": 5' in text for text in rows["parameters"])
    assert all('"fees": 0' in text for text in rows["settings"])
    assert all('"stop_loss": 0.05' in text for text in rows["settings"])
    run = project.manager.get_run(result.run_id)
    assert run is not None
    assert (run["run_user"], run["purpose"]) == ("ann", "request")


def test_a_request_has_the_numbers_of_the_main_job(project: Project):
    assert project.run(selection=["*"]).success
    rows = {row["symbol"]: row for row in project.manager.get_backtests_by_strategy("sma_cross")}
    result = run_request(project, {**REQUEST, "parameters": {}})
    assert result.success
    assert project.manager.get_backtests_by_run(result.run_id)["symbol"].to_list() == ["S01", "S03"]
    again = {row["symbol"]: row for row in project.manager.get_backtests_by_strategy("sma_cross")}
    # A stored result is not changed, including the run that it belongs to.
    assert again == rows


def test_the_ui_shows_the_results_and_the_checks_of_a_request(project: Project):
    result = run_request(project, REQUEST)
    assert result.success
    shown = metadata(project)
    assert (shown["user"].value, shown["symbols"].value, shown["succeeded"].value) == ("ann", 2, 2)
    rows = project.manager.get_backtests_by_run(result.run_id).sort("symbol")
    assert str(shown["results"].value).strip() == render_markdown(
        rows.select("symbol", "total_return", "sharpe_ratio", "max_drawdown", "closed_trades")
    )
    assert -1 < rows["total_return"][0] < 1
    records = {
        name: project.instance.event_log_storage.get_asset_check_execution_history(
            dg.AssetCheckKey(REQUESTS_KEY, name), limit=1
        )
        for name in _CHECKS
    }
    for name, (record,) in records.items():
        assert record.status.value == "SUCCEEDED", name
    event = records["concurrent_requests_succeed"][0].event
    assert event is not None
    told = event.get_dagster_event().asset_check_evaluation_data.description
    assert told == "1 of 1 requests succeeded: 100.0%, limit 80%."


def test_two_users_share_results_and_bars_are_fetched_once(project: Project):
    first, second = run_request(project, REQUEST), run_request(project, {**REQUEST, "user": "bob"})
    for result in (first, second):
        rows = project.manager.get_backtests_by_run(result.run_id)
        assert rows["symbol"].to_list() == ["S01", "S03"]
    assert [count_requests(project, run) for run in (first, second)] == [2, 0]


def test_days_that_were_to_come_are_fetched_when_they_are_over(project: Project):
    today = datetime.now(UTC).date()
    bars = SyntheticSource().fetch("S01", START, today - timedelta(days=1))
    bars.with_columns(symbol=pl.lit("S01")).write_csv(project.feed("S01"))
    store, end = project.resource("price_store"), today + timedelta(days=90)
    asked = {**REQUEST, "symbols": ["S01"]}
    assert run_request(project, asked, end=end.isoformat()).success
    old = store.read_file("files", "S01")
    # As they were on the day of the tenth bar from the end, at noon, when it was to come.
    day = old.bars["date"][-10]
    label = replace(old.label, fetched_at=datetime.combine(day, time(12), UTC))
    known = old.bars[:-10]
    Path(old.path).write_bytes(
        encode(known, replace(label, rows=known.height, data_version=data_version(known)))
    )
    again = [run_request(project, {**asked, "user": user}, end=end.isoformat()) for user in "bc"]
    assert store.read_file("files", "S01").bars.equals(old.bars)
    assert [count_requests(project, run) for run in again] == [1, 0]


def test_a_failed_symbol_is_recorded_and_the_others_are_stored(project: Project):
    project.spoil("S03")
    symbols = list(SYMBOLS[:6])
    result = run_request(project, {**REQUEST, "symbols": symbols})
    assert result.success
    (failure,) = project.manager.get_failures(result.run_id)
    assert (failure["stage"], failure["symbol"]) == ("backtest_requests", "S03")
    rows = project.manager.get_backtests_by_run(result.run_id)
    assert set(rows["symbol"]) == set(symbols) - {"S03"}
    assert "- `S03` BadBarsError" in str(metadata(project)["results"].value)


def test_a_request_below_the_success_rate_fails_with_the_reason(project: Project):
    project.spoil("S03")
    result = run_request(project, REQUEST)
    assert not result.success
    assert "S03: bad bar on 2022-12-30: high is below low" in project.why(result)
    rows = project.manager.get_backtests_by_run(result.run_id)
    assert rows["symbol"].to_list() == ["S01"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"user": " "}, "user is empty"),
        ({"symbols": []}, "symbols is empty"),
        ({"symbols": ["s03"]}, "'s03' is not among the 20 symbols of the universe. Did you mean"),
        ({"symbols": ["S03", "S03"]}, "symbols has S03 twice"),
        ({"parameters": {"fast_perid": 5}}, "Did you mean 'fast_period'?"),
        ({"parameters": {"fast_period": 50}}, "fast_period"),
    ],
)
def test_an_invalid_request_is_refused_and_not_recorded(
    project: Project, change: Mapping[str, Any], told: str
):
    result = run_request(project, {**REQUEST, **change})
    assert not result.success
    assert told in project.why(result)
    assert project.manager.get_run(result.run_id) is None
    # The line first, no class before it and no traceback below.
    assert project.shown_error(result) == project.why(result).removeprefix("answer: ")


def test_an_unknown_strategy_is_refused_before_there_is_a_run(project: Project):
    with pytest.raises(dg.DagsterInvalidConfigError, match="strategy not in enum type"):
        run_request(project, {**REQUEST, "strategy": "sma_cros"})
    twice = {"run_settings": {"config": {"fees": 0.5}}}
    with pytest.raises(dg.DagsterConfigMappingFunctionError) as refused:
        run_request(project, {**REQUEST, "resources": twice})
    assert "resources has run_settings" in str(refused.value.__cause__)


def test_the_launchpad_is_prefilled_with_a_request_that_runs(project: Project):
    job = project.definitions().resolve_job_def("backtest_request")
    prefilled = prefill(job)
    assert prefilled == {
        "user": "analyst",
        "symbols": ["S00", "S01"],
        "strategy": "sma_cross",
        "parameters": {},
        "start": "2022-06-01",
        "end": "2022-12-31",
        "fees": 0.001,
        "slippage": 0.001,
    }
    result = job.execute_in_process(run_config=prefilled, instance=project.instance)
    rows = project.manager.get_backtests_by_run(result.run_id)
    assert rows["symbol"].to_list() == ["S00", "S01"]


def prefill(job: dg.JobDefinition) -> dict[str, Any]:
    """Return what the launchpad shows at first."""
    snapshot = JobDataSnap.from_job_def(job, include_parent_snapshot=False).job
    schema, key = snapshot.config_schema_snapshot, snapshot.mode_def_snaps[0].root_config_key
    assert key is not None
    shown = default_values_yaml_from_type_snap(schema, schema.get_config_snap(key))
    return dict(load_run_config_yaml(shown))


def test_a_reversed_window_is_refused(project: Project):
    result = run_request(project, REQUEST, start="2022-12-01", end="2022-06-01")
    assert not result.success
    assert "2022-12-01" in project.why(result)


def evaluation(project: Project, name: str) -> Any:
    """Return the newest evaluation of a check of requests."""
    (record,) = project.instance.event_log_storage.get_asset_check_execution_history(
        dg.AssetCheckKey(REQUESTS_KEY, name), limit=1
    )
    assert record.event is not None
    return record.event.get_dagster_event().asset_check_evaluation_data


@pytest.mark.parametrize(
    ("limit", "value", "check_name", "told"),
    [
        (_SYMBOL_RATE, 0.9, "concurrent_request_symbols_succeed", "over 1 requests: 83.3%"),
        (_SYMBOL_RATE, 0.9, "concurrent_requests_succeed", "0 of 1 requests succeeded: 0.0%"),
        (_SECONDS, 1e-3, "concurrent_requests_are_quick", "1 requests took"),
    ],
)
def test_each_check_of_requests_fails_beyond_its_limit(
    project: Project, limit: str, value: float, check_name: str, told: str
):
    project.spoil("S03")
    tight = {"thresholds": {"config": {limit: value}}}
    result = run_request(project, {**REQUEST, "symbols": list(SYMBOLS[:6]), "resources": tight})
    found = evaluation(project, check_name)
    assert not found.passed
    assert found.severity.value == "ERROR"
    assert told in str(found.description)
    assert found.metadata["guidance"].value
    # Results are kept whatever the outcome of the check.
    assert project.manager.get_backtests_by_run(result.run_id).height == 5
    assert result.success is (limit == _SECONDS)


def test_requests_do_not_change_the_leaderboard(project: Project):
    assert project.run(selection=["*"]).success
    before = project.manager.get_leaderboard()
    # The same settings with other parameters, other settings, and a request that fails.
    assert run_request(project, {**REQUEST, "parameters": {"fast_period": 5}}).success
    assert run_request(project, REQUEST, fees=0.0).success
    project.feed("S01").unlink()
    assert not run_request(project, REQUEST, warmup_days=400).success
    assert project.manager.get_leaderboard().equals(before)
    assert project.run("S05", selection=["leaderboard"]).success
    shown = project.instance.get_latest_materialization_event(dg.AssetKey("leaderboard"))
    assert shown is not None
    assert shown.asset_materialization is not None
    assert shown.asset_materialization.metadata["symbols"].value == "20 of 20 symbols"
    again = project.manager.get_leaderboard().drop("made_at")
    assert again.equals(before.drop("made_at"))
