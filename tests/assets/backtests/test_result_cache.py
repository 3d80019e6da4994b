"""What is known is not computed again, and what is not the same is: real runs, tested each way."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

import assets.backtests.stage
from engine.backtest import VectorBTEngine
from engine.code_version import code_version
from research.audit.stage_profile import BacktestsProfile, CachedResults, RuleFindings
from resources.market_data.sources.synthetic import SyntheticSource
from resources.result_store.run_records import recorded_profile
from strategies.base import Strategy
from tests.project import END, SYMBOLS, Project

FEW = SYMBOLS[:3]
RANGE = (FEW[0], FEW[-1])
BACKTESTS = ["backtests/macd", "backtests/rsi"]
UNCHECKED = dg.AssetSelection.from_coercible(BACKTESTS).without_checks()
DEEP = [*BACKTESTS, "backtest_summaries"]


@dataclass(frozen=True)
class Ran:
    """A run of backtests and what it recorded of itself."""

    project: Project
    result: dg.ExecuteInProcessResult

    @property
    def profile(self) -> BacktestsProfile:
        store, run_id = self.project.result_store, self.result.run_id
        profile = recorded_profile(store, run_id, "backtests", BacktestsProfile)
        assert profile is not None
        return profile

    @property
    def cached(self) -> CachedResults:
        assert self.profile.cached_results is not None
        return self.profile.cached_results

    @property
    def known(self) -> Mapping[str, int]:
        return self.cached.hits_by_strategy

    @property
    def computed(self) -> Mapping[str, int]:
        return self.cached.misses_by_strategy

    @property
    def logs(self) -> list[str]:
        logs = self.project.instance.all_logs(self.result.run_id)
        return [str(entry.user_message) for entry in logs]

    @property
    def tables(self) -> list[pl.DataFrame]:
        files, run_id = self.project.resource("backtest_files"), self.result.run_id
        parts = [files.read_part(run_id, part) for part in files.parts(run_id)]
        results = pl.concat([part.results for part in parts])
        assert set(results["run_id"]) <= {run_id}
        trades = pl.concat([part.trades for part in parts])
        return [results.drop("run_id"), trades, files.equity([run_id]).drop("run_id")]

    @property
    def partitions(self) -> dict[tuple[str, str], tuple[Any, ...]]:
        made = {}
        for asset in BACKTESTS:
            key = dg.AssetKey(asset.split("/"))
            for record in self.project.instance.fetch_materializations(key, limit=500).records:
                event = record.asset_materialization
                if event and record.run_id == self.result.run_id:
                    version = (event.tags or {})["dagster/data_version"]
                    made[asset, str(event.partition)] = version, dict(event.metadata)
        return made


def _run(
    project: Project,
    partitions: str | tuple[str, str] = RANGE,
    selection: Any = UNCHECKED,
    **settings: Any,
) -> Ran:
    config = {"resources": {"run_settings": {"config": settings}}}
    result = project.run(partitions, selection=selection, run_config=config)
    assert result.success, project.why(result)
    return Ran(project, result)


@pytest.fixture
def cold(project: Project) -> Ran:
    """Lend the first run of some backtests: nothing of it was known."""
    assert project.run(RANGE, selection=["prices"]).success
    ran = _run(project)
    assert (ran.known, ran.computed) == ({}, {"macd": 3, "rsi": 3})
    return ran


def _stored(project: Project) -> list[dict[str, Any]]:
    rows = [row for symbol in FEW for row in project.manager.get_backtests_by_symbol(symbol)]
    found = [project.manager.get_backtest_by_id(row["id"]) or {} for row in rows]
    ignored = {"run_id", "updated_at"}
    plain = [{name: one[name] for name in one if name not in ignored} for one in found]
    return sorted(plain, key=lambda one: one["id"])


def test_a_known_result_is_what_a_computation_would_give_to_the_last_byte(
    cold: Ran, monkeypatch: pytest.MonkeyPatch
):
    project = cold.project
    forced = _run(project, selection=DEEP, force=True)
    rows = _stored(project)
    with monkeypatch.context() as without_engine:
        without_engine.setattr(VectorBTEngine, "run_batches", None)
        known = _run(project, selection=DEEP)
    assert (known.known, known.computed) == ({"macd": 3, "rsi": 3}, {})
    assert (forced.known, forced.computed) == ({}, {"macd": 3, "rsi": 3})
    assert _stored(project) == rows
    assert {row["run_id"] for row in project.manager.get_backtests_by_symbol("S00")} == {
        known.result.run_id
    }
    for ran in (known, forced):
        assert ran.partitions == cold.partitions
        assert len(ran.partitions) == 6
        for one, other in zip(ran.tables, cold.tables, strict=True):
            assert one.equals(other)
            assert one.schema == other.schema


def test_a_run_says_what_was_known(cold: Ran):
    known = _run(cold.project, selection=BACKTESTS)
    assert any("; 6 of 6 from cache" in line for line in known.logs)
    assert any("; 0 of 6 from cache" in line for line in cold.logs)
    assert (known.cached.hits, known.cached.misses) == (6, 0)
    check = cold.project.checks(known.result)["backtests/rsi", "cached_results_are_intact"]
    assert check.passed
    assert (check.metadata["hits"].value, check.metadata["misses"].value) == (3, 0)
    assert check.metadata["hit_rate"].value == 1.0
    assert check.metadata["times_as_fast_as_computed"].value > 0


def test_a_changed_strategy_is_computed_again_and_no_other(
    cold: Ran, monkeypatch: pytest.MonkeyPatch
):
    def changed(strategy: type[Strategy]) -> str:
        return code_version(strategy) + ("changed" if strategy.name == "rsi" else "")

    with monkeypatch.context() as edited:
        edited.setattr(assets.backtests.stage, "code_version", changed)
        after = _run(cold.project)
    assert (after.known, after.computed) == ({"macd": 3}, {"rsi": 3})
    versions = dict(after.tables[0].select("strategy", "code_version").iter_rows())
    assert versions["rsi"].endswith("changed")
    assert _run(cold.project).computed == {}


def _revise(project: Project, symbol: str, day: date) -> None:
    """Give a symbol another close on one day."""
    bars = SyntheticSource().fetch(symbol, date(2022, 1, 3), END)
    middle = (pl.col("high") + pl.col("low")) / 2
    close = pl.when(pl.col("date") == day).then(middle).otherwise(pl.col("close"))
    assert day in bars["date"].to_list()
    bars.with_columns(close=close).drop("adjustment").write_csv(project.feed(symbol))
    assert project.run(symbol, selection=["prices"]).success


def test_one_changed_bar_has_its_own_symbol_computed_again(cold: Ran):
    _revise(cold.project, "S01", date(2022, 9, 15))
    after = _run(cold.project)
    assert (after.known, after.computed) == ({"macd": 2, "rsi": 2}, {"macd": 1, "rsi": 1})
    forced = _run(cold.project, force=True)
    for one, other, old in zip(after.tables, forced.tables, cold.tables, strict=True):
        assert one.equals(other)
        assert not one.equals(old)


def test_a_changed_bar_outside_of_the_days_that_are_looked_at_changes_nothing(cold: Ran):
    short: dict[str, Any] = {"warmup_days": 60}
    first = _run(cold.project, **short)
    assert first.known == {}
    _revise(cold.project, "S01", date(2022, 1, 5))
    assert _run(cold.project, **short).computed == {}
    assert _run(cold.project).computed == {"macd": 1, "rsi": 1}


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
def test_one_changed_setting_has_all_computed_again_and_back_none(
    cold: Ran, change: dict[str, Any]
):
    assert _run(cold.project, **change).computed == {"macd": 3, "rsi": 3}
    assert _run(cold.project, **change).computed == {}
    assert _run(cold.project).computed == {}


def test_what_only_changes_how_the_work_is_done_changes_nothing(cold: Ran):
    assert _run(cold.project, batch_size=2, workers=2).computed == {}


def test_another_parameter_has_its_strategy_computed_again(cold: Ran):
    after = _run(cold.project, parameters={"rsi": {"period": 7}})
    assert (after.known, after.computed) == ({"macd": 3}, {"rsi": 3})
    spelled_out = {"rsi": {"period": 14}}
    assert _run(cold.project, parameters=spelled_out).computed == {}


def test_another_universe_has_all_computed_again(project: Project):
    assert project.run(selection=["prices"]).success
    assert _run(project, "S05").computed == {"macd": 1, "rsi": 1}
    assert _run(project, "S05").computed == {}
    _revise(project, "S10", date(2022, 9, 15))
    after = _run(project, "S05")
    assert after.known == {}
    assert after.tables[0].equals(_run(project, "S05", force=True).tables[0])
    again = _run(project, "S05")
    assert again.computed == {}
    assert again.tables[0]["universe_version"].null_count() == 0
    assert _run(project, "S05", universe_benchmark=False).known == {}


def test_known_and_computed_results_stand_in_one_order(cold: Ran, monkeypatch: pytest.MonkeyPatch):
    project, some = cold.project, (SYMBOLS[0], SYMBOLS[6])
    assert project.run(some, selection=["prices"]).success
    _run(project, "S05", parameters={"rsi": {"period": 7}})
    mixed = _run(project, some, batch_size=3)
    assert (mixed.known, mixed.computed) == ({"macd": 4, "rsi": 3}, {"macd": 3, "rsi": 4})
    forced = _run(project, some, batch_size=3, force=True)
    assert mixed.partitions == forced.partitions
    for one, other in zip(mixed.tables, forced.tables, strict=True):
        assert one.equals(other)


def _flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def _of_another_part(path: Path) -> None:
    shutil.copy(path.with_name("results-00000.parquet"), path)


@pytest.mark.parametrize("name", ["results-00001", "trades-00001", "equity-00001"])
@pytest.mark.parametrize("spoil", [_flipped, _truncated, _of_another_part])
def test_a_damaged_entry_is_computed_again_and_said_so(
    project: Project, name: str, spoil: Callable[[Path], None]
):
    assert project.run(RANGE, selection=["prices"]).success
    first = _run(project, batch_size=2)
    folder = Path(project.resource("backtest_files").root) / first.result.run_id
    expected = first.tables
    spoil(folder / f"{name}.parquet")
    after = _run(project, selection=BACKTESTS, batch_size=2)
    assert (after.known, after.computed) == ({"macd": 2, "rsi": 2}, {"macd": 1, "rsi": 1})
    for one, other in zip(after.tables, expected, strict=True):
        assert one.equals(other)
    said = f"the files of part 1 of run {first.result.run_id} are not what was written: 2 results"
    assert any(said in line for line in after.logs)
    check = project.checks(after.result)["backtests/rsi", "cached_results_are_intact"]
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert check.metadata["measured"].value == 2
    assert _run(project, batch_size=2).computed == {}


def test_results_whose_run_was_removed_are_computed_again(cold: Ran):
    folder = Path(cold.project.resource("backtest_files").root) / cold.result.run_id
    expected = cold.tables
    shutil.rmtree(folder)
    after = _run(cold.project)
    assert after.known == {}
    assert after.cached.damaged == 0
    assert any("6 results are gone with the files of run" in line for line in after.logs)
    assert after.tables[0].equals(expected[0])


def test_a_cache_that_is_no_cache_is_put_aside_and_the_next_run_has_one_again(cold: Ran):
    path = Path(cold.project.resource("result_cache").root) / "results.sqlite"
    path.write_bytes(b"this is no database" * 1000)
    after = _run(cold.project)
    assert after.known == {}
    assert any("results.sqlite can't be used" in line for line in after.logs)
    assert _run(cold.project).known == {}
    assert _run(cold.project).computed == {}


def test_what_was_computed_by_force_is_known_afterwards(cold: Ran):
    shutil.rmtree(Path(cold.project.resource("backtest_files").root) / cold.result.run_id)
    forced = _run(cold.project, force=True)
    assert forced.cached.ignored
    assert any("0 of 6 from cache (ignored)" in line for line in forced.logs)
    assert _run(cold.project).computed == {}


def test_a_run_that_computed_nothing_is_judged_by_what_was_measured(project: Project):
    some = (SYMBOLS[0], SYMBOLS[6])
    assert project.run(some, selection=["prices"]).success
    first = _run(project, some, selection=BACKTESTS)
    again = _run(project, some, selection=BACKTESTS)
    assert again.profile.integrity == first.profile.integrity
    measured = first.profile.scaling
    assert measured is not None
    known = measured.model_copy(update={"measured_by": first.result.run_id})
    assert again.profile.scaling == known
    check = project.checks(again.result)["backtests/rsi", "scaling_below_threshold"]
    assert check.metadata["measured_by_run"].value == first.result.run_id


def test_a_known_result_that_nobody_looked_at_closely_is_looked_at(
    project: Project, monkeypatch: pytest.MonkeyPatch
):
    some = (SYMBOLS[0], SYMBOLS[6])
    assert project.run(some, selection=["prices"]).success
    _run(project, some)
    alone = _run(project, "S06", selection=BACKTESTS)
    assert alone.computed == {}
    looked = alone.profile.integrity.look_ahead
    assert looked == dict.fromkeys(("macd", "rsi"), RuleFindings(symbols=1, offenders={}))
    monkeypatch.setattr(VectorBTEngine, "run_batch", None)
    assert _run(project, "S06").profile.integrity == alone.profile.integrity
