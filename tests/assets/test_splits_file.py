"""Runs with a file of splits: one line corrects a feed without its split, and results with it."""

from datetime import date
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from pipelines.resources import build_resources
from resources.config.environment import EnvironmentSettings
from resources.market_data.resource import MarketData
from resources.market_data.sources.synthetic import SyntheticSource
from tests.assets.checks.planted import get_failed_checks
from tests.project import END, START, Project

DAY = date(2022, 9, 1)
GOOD = SyntheticSource().fetch("S00", date(2022, 1, 3), END)


def _run(project: Project, *lines: str, job: str | None = None) -> dg.ExecuteInProcessResult:
    """Run the graph with a file of splits."""
    path = project.folder / "splits.csv"
    path.write_text("\n".join(["symbol,date,ratio", *lines]) + "\n")
    prices = MarketData(source="files", prices=str(project.folder / "prices"), splits=str(path))
    definitions = project.definitions(market_data=prices)
    if job is None:
        return project.run("S00", definitions=definitions)
    request = {"user": "ann", "symbols": ["S00"], "strategy": "rsi"}
    return definitions.resolve_job_def(job).execute_in_process(
        run_config=request,
        instance=project.instance,
        raise_on_error=False,
    )


@pytest.fixture
def unadjusted(project: Project) -> Project:
    """Lend a project whose S00 splits 20-for-1 and has no adjustment, like AMZN in 2022."""
    ratio = pl.when(pl.col("date") >= DAY).then(20.0).otherwise(1.0)
    prices = pl.col("open", "high", "low", "close") / ratio
    split = GOOD.with_columns(prices, volume=pl.col("volume") * ratio)
    split.drop("adjustment").write_csv(project.feed("S00"))
    return project


def _held(project: Project, run: dg.ExecuteInProcessResult | None = None) -> float:
    """Return what buying and holding earned in the newest results of rsi."""
    rows = project.manager.get_backtests_by_symbol("S00")
    if run is not None:
        rows = project.manager.get_backtests_by_run(run.run_id).to_dicts()
    return next(row["benchmark_return"] for row in rows if row["strategy"] == "rsi")


def _expected() -> float:
    closes = GOOD.filter(pl.col("date").is_between(START, END))["close"]
    return closes[-1] / closes[0] - 1.0


def test_one_line_makes_an_unadjusted_split_pass(unadjusted: Project):
    failed = get_failed_checks(unadjusted, refused := _run(unadjusted))
    assert not refused.success
    assert set(failed) == {"jumps_are_explained"}
    told = str(failed["jumps_are_explained"].metadata["offenders"].value)
    assert f"the open of {DAY} is 0.05" in told
    assert "a 20-for-1 split that is not in the adjustment?" in told
    assert "AMZN,2022-06-06,20" in str(failed["jumps_are_explained"].metadata["guidance"].value)
    result = _run(unadjusted, f"S00,{DAY},20")
    assert result.success, unadjusted.why(result)
    assert get_failed_checks(unadjusted, result) == {}
    assert _held(unadjusted) == pytest.approx(_expected(), rel=1e-9)


def test_a_line_of_one_keeps_a_real_move(unadjusted: Project):
    result = _run(unadjusted, f"S00,{DAY},1")
    assert result.success, unadjusted.why(result)
    assert set(get_failed_checks(unadjusted, result)) == {"moves_are_usual"}
    assert _held(unadjusted) == pytest.approx((1 + _expected()) / 20 - 1, rel=1e-9)


def test_a_wrong_line_for_an_adjusted_feed_is_told(project: Project):
    result = _run(project, f"S00,{DAY},20")
    assert not result.success
    failed = get_failed_checks(project, result)
    told = str(failed["jumps_are_explained"].metadata["offenders"].value)
    assert "with its line in the file of splits: is it in the feed too?" in told


def test_a_request_corrects_bars_stored_without_the_split(unadjusted: Project):
    _run(unadjusted)
    result = _run(unadjusted, f"S00,{DAY},20", job="backtest_request")
    assert result.success
    assert _held(unadjusted, result) == pytest.approx(_expected(), rel=1e-9)


def test_a_bad_file_of_splits_fails_the_run_in_one_line(project: Project):
    result = _run(project, "S00,2022-09-01,abc")
    assert not result.success
    assert "splits.csv, line 2: ratio 'abc' is not what one share becomes" in project.why(result)


def test_the_variable_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    Path("splits.csv").write_text("symbol,date,ratio\nAMZN,2022-06-06,20\n")
    settings = EnvironmentSettings.from_environment({"GAUNTLET_SPLITS": "splits.csv"})
    market_data = build_resources(settings)["market_data"]
    assert market_data.load_splits().describe("AMZN") == "2022-06-06 20"
    settings = EnvironmentSettings.from_environment({})
    assert build_resources(settings)["market_data"].load_splits().by_symbol == {}
