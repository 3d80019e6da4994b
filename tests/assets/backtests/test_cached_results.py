"""A stored result is reused, and computed again if anything it depends on changed: real runs."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest
import sqlalchemy as sa

import assets.backtests.stage
from engine.backtest import VectorBTEngine
from engine.code_version import code_version
from research.audit.stage_profile import BacktestsProfile, CachedResults
from resources.market_data.sources.synthetic import SyntheticSource
from resources.result_store.frame_schemas import BACKTESTS as ROWS
from resources.result_store.frame_schemas import TRADES
from resources.result_store.run_records import read_profile
from strategies.base import Strategy
from tests.project import END, SYMBOLS, Project

FEW = SYMBOLS[:3]
RANGE = (FEW[0], FEW[-1])
BACKTESTS = ["backtests/macd", "backtests/rsi"]
SAVED = dg.AssetSelection.from_coercible([*BACKTESTS, "backtest_summaries"])
UNCHECKED = SAVED.without_checks()
OF_RUN = ["run_id", "part"]


@dataclass(frozen=True)
class Ran:
    """A run of backtests, and what it recorded."""

    project: Project
    result: dg.ExecuteInProcessResult

    @property
    def profile(self) -> BacktestsProfile:
        store, run_id = self.project.result_store, self.result.run_id
        profile = read_profile(store, run_id, "backtests", BacktestsProfile)
        assert profile is not None
        return profile

    @property
    def counts(self) -> CachedResults:
        assert self.profile.cached_results is not None
        return self.profile.cached_results

    @property
    def cached(self) -> dict[str, int]:
        return dict(self.counts.hits_by_strategy)

    @property
    def computed(self) -> dict[str, int]:
        return dict(self.counts.misses_by_strategy)

    @property
    def logs(self) -> list[str]:
        logs = self.project.instance.all_logs(self.result.run_id)
        return [str(entry.user_message) for entry in logs]

    @property
    def rows(self) -> pl.DataFrame:
        files, run_id = self.project.resource("backtest_files"), self.result.run_id
        return pl.concat([files.read_part(run_id, part).results for part in files.parts(run_id)])

    @property
    def curves(self) -> pl.DataFrame:
        """The equity of the rows, from the files that the rows name."""
        files, places = self.project.resource("backtest_files"), self.rows.select(OF_RUN).unique()
        equity = pl.concat(files.equity_parts(places.rows()))
        mine = equity.join(self.rows, left_on="backtest_id", right_on="id", how="semi")
        return mine.sort("backtest_id", "date")

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
    """Lend the first run of some backtests, of which no result was stored before."""
    assert project.run(RANGE, selection=["prices"]).success
    ran = _run(project)
    assert (ran.cached, ran.computed) == ({}, {"macd": 3, "rsi": 3})
    return ran


def _same(one: Ran, other: Ran) -> bool:
    """Whether two runs have the same results to the bit, curves and trades included."""
    same_rows = one.rows.drop(OF_RUN).equals(other.rows.drop(OF_RUN))
    return same_rows and one.curves.equals(other.curves) and one.partitions == other.partitions


def _stored(project: Project) -> list[dict[str, Any]]:
    rows = [row for symbol in FEW for row in project.manager.get_backtests_by_symbol(symbol)]
    found = [project.manager.get_backtest_by_id(row["id"]) or {} for row in rows]
    ignored = {*OF_RUN, "updated_at"}
    plain = [{name: one[name] for name in one if name not in ignored} for one in found]
    return sorted(plain, key=lambda one: one["id"])


def test_a_run_has_cached_results_equal_to_computed_ones(cold: Ran):
    project, rows = cold.project, _stored(cold.project)
    cached = _run(project)
    assert (cached.cached, cached.computed) == ({"macd": 3, "rsi": 3}, {})
    assert _same(cached, cold)
    assert set(cached.rows["run_id"]) == {cold.result.run_id}
    for ran in (cached, cold):
        members = project.manager.get_backtests_by_run(ran.result.run_id)
        assert set(members["id"]) == set(cold.rows["id"])
    forced = _run(project, ignore_cache=True)
    assert (forced.cached, forced.computed) == ({}, {"macd": 3, "rsi": 3})
    assert _same(forced, cold)
    assert len(forced.partitions) == 6
    assert _stored(project) == rows


def test_only_a_sample_of_cached_results_is_recomputed(cold: Ran, monkeypatch: pytest.MonkeyPatch):
    computed: list[str] = []
    run = VectorBTEngine.run_batches

    def watched(self: Any, histories: Any, *rest: Any) -> Any:
        computed.extend(one.symbol for one in histories)
        return run(self, histories, *rest)

    monkeypatch.setattr(VectorBTEngine, "run_batches", watched)
    assert _run(cold.project).computed == {}
    assert len(computed) == 1
    assert set(computed) <= set(FEW)


def test_cached_results_are_logged_and_checked(cold: Ran):
    cached = _run(cold.project, selection=BACKTESTS)
    assert any("; 6 of 6 from cache" in line for line in cached.logs)
    assert any("; 0 of 6 from cache" in line for line in cold.logs)
    check = cold.project.checks(cached.result)["backtests/rsi", "cached_results_are_intact"]
    assert check.passed
    assert (check.metadata["hits"].value, check.metadata["misses"].value) == (3, 0)
    assert check.metadata["hit_rate"].value == 1.0
    assert check.metadata["times_as_fast_as_computed"].value > 0


def test_only_a_changed_strategy_is_computed_again(cold: Ran, monkeypatch: pytest.MonkeyPatch):
    def changed(strategy: type[Strategy]) -> str:
        return code_version(strategy) + ("changed" if strategy.name == "rsi" else "")

    with monkeypatch.context() as edited:
        edited.setattr(assets.backtests.stage, "code_version", changed)
        after = _run(cold.project)
    assert (after.cached, after.computed) == ({"macd": 3}, {"rsi": 3})
    versions = dict(after.rows.select("strategy", "code_version").iter_rows())
    assert versions["rsi"].endswith("changed")
    assert _run(cold.project).computed == {}


def test_rows_of_another_row_version_are_computed_again(cold: Ran, monkeypatch: pytest.MonkeyPatch):
    with monkeypatch.context() as edited:
        for module in ("result_archive", "backtest_tables"):
            edited.setattr(f"resources.run_artifacts.{module}.row_version", lambda: "edited")
        after = _run(cold.project)
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
    after = _run(cold.project)
    assert (after.cached, after.computed) == ({"macd": 2, "rsi": 2}, {"macd": 1, "rsi": 1})
    assert _same(after, _run(cold.project, ignore_cache=True))
    assert not _same(after, cold)


def test_a_changed_bar_before_the_warm_up_recomputes_nothing(cold: Ran):
    short: dict[str, Any] = {"warmup_days": 60}
    first = _run(cold.project, **short)
    assert first.cached == {}
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
def test_a_changed_setting_recomputes_all_and_the_old_one_none(cold: Ran, change: dict[str, Any]):
    assert _run(cold.project, **change).computed == {"macd": 3, "rsi": 3}
    assert _run(cold.project, **change).computed == {}
    assert _run(cold.project).computed == {}


def test_batch_size_and_workers_recompute_nothing(cold: Ran):
    assert _run(cold.project, batch_size=2, workers=2).computed == {}


def test_a_changed_parameter_recomputes_only_its_strategy(cold: Ran):
    after = _run(cold.project, parameters={"rsi": {"period": 7}})
    assert (after.cached, after.computed) == ({"macd": 3}, {"rsi": 3})
    spelled_out = {"rsi": {"period": 14}}
    assert _run(cold.project, parameters=spelled_out).computed == {}


def test_a_changed_universe_recomputes_all(project: Project):
    assert project.run(selection=["prices"]).success
    assert _run(project, "S05").computed == {"macd": 1, "rsi": 1}
    assert _run(project, "S05").computed == {}
    _revise(project, "S10", date(2022, 9, 15))
    after = _run(project, "S05")
    assert after.cached == {}
    assert _same(after, _run(project, "S05", ignore_cache=True))
    again = _run(project, "S05")
    assert again.computed == {}
    assert again.rows["universe_version"].null_count() == 0
    assert _run(project, "S05", universe_benchmark=False).cached == {}


def test_cached_and_computed_results_have_one_order(cold: Ran):
    project, some = cold.project, (SYMBOLS[0], SYMBOLS[6])
    assert project.run(some, selection=["prices"]).success
    _run(project, "S05", parameters={"rsi": {"period": 7}})
    mixed = _run(project, some, batch_size=3)
    assert (mixed.cached, mixed.computed) == ({"macd": 4, "rsi": 3}, {"macd": 3, "rsi": 4})
    assert _same(mixed, _run(project, some, batch_size=3, ignore_cache=True))


def _flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def _of_another_part(path: Path) -> None:
    shutil.copy(path.with_name(path.name.replace("00001", "00000")), path)


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        ("results-00001.parquet", _flipped),
        ("trades-00001.parquet", _of_another_part),
        ("equity-00001.parquet", _truncated),
        ("manifest-00001.json", _truncated),
    ],
)
def test_a_damaged_file_warns_and_its_results_are_recomputed(
    project: Project, name: str, spoil: Callable[[Path], None]
):
    assert project.run(RANGE, selection=["prices"]).success
    first = _run(project, batch_size=2)
    expected = first.rows.drop(OF_RUN)
    folder = Path(project.resource("backtest_files").root) / first.result.run_id
    spoil(folder / name)
    after = _run(project, selection=SAVED, batch_size=2)
    assert (after.cached, after.computed) == ({"macd": 2, "rsi": 2}, {"macd": 1, "rsi": 1})
    assert after.rows.drop(OF_RUN).equals(expected)
    said = f"the files of part 1 of run {first.result.run_id} are not what was written: 2 results"
    assert any(said in line for line in after.logs)
    check = project.checks(after.result)["backtests/rsi", "cached_results_are_intact"]
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert check.metadata["measured"].value == 2
    assert _run(project, batch_size=2).computed == {}


def _execute(project: Project, statement: sa.Executable) -> None:
    with project.manager.engine.begin() as connection:
        connection.execute(statement)


def _wrong_number(project: Project) -> None:
    """Change a stored metric of one symbol, in its last digit."""
    of_first = (ROWS.c.symbol == "S00") & (ROWS.c.strategy == "rsi")
    changed = ROWS.c.final_value * (1 + 2.3e-16)
    _execute(project, sa.update(ROWS).where(of_first).values(final_value=changed))


def _wrong_text(project: Project) -> None:
    """Change what is neither a metric nor a trade."""
    of_first = (ROWS.c.symbol == "S00") & (ROWS.c.strategy == "rsi")
    _execute(project, sa.update(ROWS).where(of_first).values(data_points=3))


def _wrong_trade(project: Project) -> None:
    """Change a stored trade of one symbol, in its last digit."""
    of_last = sa.select(ROWS.c.id).where((ROWS.c.symbol == "S02") & (ROWS.c.strategy == "rsi"))
    first = TRADES.c.backtest_id.in_(of_last) & (TRADES.c.trade_no == 1)
    changed = TRADES.c.size * (1 + 2.3e-16)
    _execute(project, sa.update(TRADES).where(first).values(size=changed))


def _lost_trade(project: Project) -> None:
    """Delete a stored trade of one symbol."""
    of_last = sa.select(ROWS.c.id).where((ROWS.c.symbol == "S02") & (ROWS.c.strategy == "rsi"))
    last = TRADES.c.backtest_id.in_(of_last) & (TRADES.c.trade_no == 1)
    _execute(project, sa.delete(TRADES).where(last))


@pytest.mark.parametrize(
    ("spoil", "warning"),
    [
        (_wrong_text, "1 stored results differ from what is computed"),
        (_wrong_number, "1 stored results are not what was computed: they are computed again"),
        (_wrong_trade, "1 stored results are not what was computed: they are computed again"),
        (_lost_trade, "1 stored results lack trades"),
    ],
)
def test_a_damaged_row_is_computed_again_and_replaced(
    cold: Ran, spoil: Callable[[Project], None], warning: str
):
    project, rows = cold.project, _stored(cold.project)
    spoil(project)
    assert _stored(project) != rows
    # One symbol of each batch is computed again: here all of them.
    after = _run(project, selection=SAVED, batch_size=1)
    assert (after.cached, after.computed) == ({"macd": 3, "rsi": 2}, {"rsi": 1})
    assert any(warning in line for line in after.logs)
    assert not project.checks(after.result)["backtests/rsi", "cached_results_are_intact"].passed
    assert _stored(project) == rows
    assert _run(project).computed == {}


def test_a_deleted_row_is_computed_again(cold: Ran):
    rows = cold.project.manager.get_backtests_by_symbol("S01")
    (identifier,) = (row["id"] for row in rows if row["strategy"] == "rsi")
    assert cold.project.manager.delete_backtest(identifier)
    after = _run(cold.project)
    assert (after.computed, after.counts.damaged) == ({"rsi": 1}, 0)


def test_results_without_files_are_computed_again(cold: Ran):
    folder = Path(cold.project.resource("backtest_files").root) / cold.result.run_id
    expected = cold.rows.drop(OF_RUN)
    shutil.rmtree(folder)
    after = _run(cold.project)
    assert after.cached == {}
    assert after.counts.damaged == 0
    assert any("are gone: 6 results are computed again" in line for line in after.logs)
    assert after.rows.drop(OF_RUN).equals(expected)


def test_results_of_ignore_cache_are_cached_afterwards(cold: Ran):
    shutil.rmtree(Path(cold.project.resource("backtest_files").root) / cold.result.run_id)
    forced = _run(cold.project, ignore_cache=True)
    assert forced.counts.ignored
    assert _run(cold.project).computed == {}


def test_a_run_of_cached_results_reuses_the_measured_scaling(project: Project):
    some = (SYMBOLS[0], SYMBOLS[6])
    assert project.run(some, selection=["prices"]).success
    first = _run(project, some, selection=SAVED)
    again = _run(project, some, selection=SAVED)
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
    third = _run(project, some)
    assert third.profile.scaling == again.profile.scaling
