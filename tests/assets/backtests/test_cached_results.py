"""A stored result is reused, and computed again if anything it depends on changed: real runs."""

import shutil
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import assets.backtests.stage
from engine.backtest import VectorBTEngine
from engine.code_version import code_version
from resources.market_data.sources.synthetic import SyntheticSource
from strategies.base import Strategy
from tests.assets.backtests.ran import (
    BACKTESTS,
    FEW,
    OF_RUN,
    SAVED,
    Ran,
    read_stored,
    run_backtests,
)
from tests.project import END, SYMBOLS, Project


def _same(one: Ran, other: Ran) -> bool:
    """Whether two runs have the same results to the bit, curves and trades included."""
    same_rows = one.rows.drop(OF_RUN).equals(other.rows.drop(OF_RUN))
    return same_rows and one.curves.equals(other.curves) and one.partitions == other.partitions


def test_a_run_has_cached_results_equal_to_computed_ones(cold: Ran):
    project, rows = cold.project, read_stored(cold.project)
    cached = run_backtests(project)
    assert (cached.cached, cached.computed) == ({"macd": 3, "rsi": 3}, {})
    assert _same(cached, cold)
    assert set(cached.rows["run_id"]) == {cold.result.run_id}
    for ran in (cached, cold):
        members = project.manager.get_backtests_by_run(ran.result.run_id)
        assert set(members["id"]) == set(cold.rows["id"])
    forced = run_backtests(project, ignore_cache=True)
    assert (forced.cached, forced.computed) == ({}, {"macd": 3, "rsi": 3})
    assert _same(forced, cold)
    assert len(forced.partitions) == 6
    assert read_stored(project) == rows


def test_only_a_sample_of_cached_results_is_recomputed(cold: Ran, monkeypatch: pytest.MonkeyPatch):
    computed: list[str] = []
    run = VectorBTEngine.run_batches

    def watched(self: Any, histories: Any, *rest: Any) -> Any:
        computed.extend(one.symbol for one in histories)
        return run(self, histories, *rest)

    monkeypatch.setattr(VectorBTEngine, "run_batches", watched)
    assert run_backtests(cold.project).computed == {}
    assert len(computed) == 1
    assert set(computed) <= set(FEW)


def test_cached_results_are_logged_and_checked(cold: Ran):
    cached = run_backtests(cold.project, selection=BACKTESTS)
    assert any("; 6 of 6 from cache" in line for line in cached.logs)
    assert any("; 0 of 6 from cache" in line for line in cold.logs)
    check = cold.project.checks(cached.result)["backtests/rsi", "cached_results_are_intact"]
    assert check.passed
    assert (check.metadata["hits"].value, check.metadata["misses"].value) == (3, 0)
    assert check.metadata["hit_rate"].value == 1.0
    # Rounded: 0.0 on a machine that was busy meanwhile.
    assert check.metadata["times_as_fast_as_computed"].value >= 0


def test_only_a_changed_strategy_is_computed_again(cold: Ran, monkeypatch: pytest.MonkeyPatch):
    def changed(strategy: type[Strategy]) -> str:
        return code_version(strategy) + ("changed" if strategy.name == "rsi" else "")

    with monkeypatch.context() as edited:
        edited.setattr(assets.backtests.stage, "code_version", changed)
        after = run_backtests(cold.project)
    assert (after.cached, after.computed) == ({"macd": 3}, {"rsi": 3})
    versions = dict(after.rows.select("strategy", "code_version").iter_rows())
    assert versions["rsi"].endswith("changed")
    assert run_backtests(cold.project).computed == {}


def test_rows_of_another_row_version_are_computed_again(cold: Ran, monkeypatch: pytest.MonkeyPatch):
    with monkeypatch.context() as edited:
        for module in ("result_archive", "backtest_tables"):
            edited.setattr(f"resources.run_artifacts.{module}.row_version", lambda: "edited")
        after = run_backtests(cold.project)
        assert after.cached == {}
        assert set(after.rows["row_version"]) == {"edited"}


def _revise(project: Project, symbol: str, day: date) -> None:
    """Change the close of a symbol on one day."""
    bars = SyntheticSource().fetch(symbol, date(2022, 1, 3), END)
    middle = (pl.col("high") + pl.col("low")) / 2
    close = pl.when(pl.col("date") == day).then(middle).otherwise(pl.col("close"))
    assert day in bars["date"].to_list()
    bars.with_columns(close=close).drop("adjustment").write_csv(project.feed(symbol))
    assert project.run(symbol, selection=["prices"]).success


def test_a_changed_bar_recomputes_only_its_symbol(cold: Ran):
    _revise(cold.project, "S01", date(2022, 9, 15))
    after = run_backtests(cold.project)
    assert (after.cached, after.computed) == ({"macd": 2, "rsi": 2}, {"macd": 1, "rsi": 1})
    assert _same(after, run_backtests(cold.project, ignore_cache=True))
    assert not _same(after, cold)


def test_a_changed_bar_before_the_warm_up_recomputes_nothing(cold: Ran):
    short: dict[str, Any] = {"warmup_days": 60}
    first = run_backtests(cold.project, **short)
    assert first.cached == {}
    _revise(cold.project, "S01", date(2022, 1, 5))
    assert run_backtests(cold.project, **short).computed == {}
    assert run_backtests(cold.project).computed == {"macd": 1, "rsi": 1}


@pytest.mark.parametrize(
    "change",
    [
        {"fees": 0.002},
        {"execution": "same_close"},
        {"stop_loss": 0.05},
        {"end": "2022-12-30"},
        {"warmup_days": 100},
        {"bars_per_year": 365.0},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_changed_setting_recomputes_all_and_the_old_one_none(cold: Ran, change: dict[str, Any]):
    assert run_backtests(cold.project, **change).computed == {"macd": 3, "rsi": 3}
    assert run_backtests(cold.project, **change).computed == {}
    assert run_backtests(cold.project).computed == {}


def test_another_batch_size_recomputes_nothing(cold: Ran):
    assert run_backtests(cold.project, batch_size=2).computed == {}


def test_a_changed_parameter_recomputes_only_its_strategy(cold: Ran):
    after = run_backtests(cold.project, parameters={"rsi": {"period": 7}})
    assert (after.cached, after.computed) == ({"macd": 3}, {"rsi": 3})
    spelled_out = {"rsi": {"period": 14}}
    assert run_backtests(cold.project, parameters=spelled_out).computed == {}


def test_a_changed_universe_recomputes_all(project: Project):
    assert project.run(selection=["prices"]).success
    assert run_backtests(project, "S05").computed == {"macd": 1, "rsi": 1}
    assert run_backtests(project, "S05").computed == {}
    _revise(project, "S10", date(2022, 9, 15))
    after = run_backtests(project, "S05")
    assert after.cached == {}
    assert _same(after, run_backtests(project, "S05", ignore_cache=True))
    again = run_backtests(project, "S05")
    assert again.computed == {}
    assert again.rows["universe_version"].null_count() == 0
    assert run_backtests(project, "S05", universe_benchmark=False).cached == {}


def test_cached_and_computed_results_have_one_order(cold: Ran):
    project, some = cold.project, (SYMBOLS[0], SYMBOLS[6])
    assert project.run(some, selection=["prices"]).success
    run_backtests(project, "S05", parameters={"rsi": {"period": 7}})
    mixed = run_backtests(project, some, batch_size=3)
    assert (mixed.cached, mixed.computed) == ({"macd": 4, "rsi": 3}, {"macd": 3, "rsi": 4})
    assert _same(mixed, run_backtests(project, some, batch_size=3, ignore_cache=True))


def test_results_of_ignore_cache_are_cached_afterwards(cold: Ran):
    shutil.rmtree(Path(cold.project.resource("backtest_files").root) / cold.result.run_id)
    forced = run_backtests(cold.project, ignore_cache=True)
    assert forced.counts.ignored
    assert run_backtests(cold.project).computed == {}


def test_a_run_of_cached_results_reuses_the_measured_scaling(project: Project):
    some = (SYMBOLS[0], SYMBOLS[6])
    assert project.run(some, selection=["prices"]).success
    first = run_backtests(project, some, selection=SAVED)
    again = run_backtests(project, some, selection=SAVED)
    assert first.profile.scaling is not None
    assert again.profile.scaling == first.profile.scaling.model_copy(
        update={"measured_by": first.result.run_id}
    )
    looked = again.profile.integrity.look_ahead
    assert {name: one.symbols for name, one in looked.items()} == {
        "macd": 1,
        "rsi": 1,
    }
    check = project.checks(again.result)["backtests/rsi", "scaling_below_threshold"]
    assert check.metadata["measured_by_run"].value == first.result.run_id
    third = run_backtests(project, some)
    assert third.profile.scaling == again.profile.scaling
