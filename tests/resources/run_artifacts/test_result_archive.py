"""The archive and the runner without Dagster: a run reuses the results of an earlier one."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from engine.backtest import VectorBTEngine
from engine.code_version import code_version
from engine.history import History
from engine.settings import BacktestSettings
from research.purpose import Purpose
from research.run_spec import RunSpec
from research.runner import BacktestRunner
from resources.config.run_settings import stored_settings
from resources.result_store.manager import BacktestPersistenceManager
from resources.run_artifacts.backtest_files import BacktestFiles
from resources.run_artifacts.part_saving import save_part
from resources.run_artifacts.result_archive import ResultArchive
from strategies.sma_cross import SmaCross
from tests.resources.batches import HISTORIES, WINDOW

FAST, SLOW = SmaCross(5, 20), SmaCross(10, 50)
BATCH = [(history.symbol, WINDOW.start, WINDOW.end) for history in HISTORIES[3:6]]
Spec = tuple[str, date, date]


@dataclass
class Loaded:
    history: History
    data_version: str = "v1"


def _load(batch: Iterable[Spec]) -> Iterator[tuple[str, Loaded | Exception]]:
    by_symbol = {history.symbol: history for history in HISTORIES}
    for symbol, _, _ in batch:
        yield symbol, Loaded(by_symbol[symbol])


@pytest.fixture
def files(tmp_path: Path) -> BacktestFiles:
    return BacktestFiles(root=str(tmp_path))


@dataclass
class Run:
    """A run with two parameter sets of one strategy."""

    manager: BacktestPersistenceManager
    files: BacktestFiles
    run_id: str
    purpose: Purpose = Purpose.NOTEBOOK

    def test(self) -> BacktestRunner:
        settings = BacktestSettings()
        spec = RunSpec(
            run_id=self.run_id,
            source="synthetic",
            strategies=[FAST, SLOW],
            window=WINDOW,
            settings=settings,
            stored_settings=stored_settings(settings, 365),
            code_versions={SmaCross.name: code_version(SmaCross)},
        )
        archive = ResultArchive(spec, self.manager, self.files)
        runner = BacktestRunner(spec, VectorBTEngine(), archive)
        list(runner.run(_load, [BATCH]))
        return runner

    def save(self) -> pl.DataFrame:
        saved = save_part(self.manager, self.files, self.run_id, 0, purpose=self.purpose)
        assert saved.intact.height == saved.produced.height == saved.stored.height == 6
        return saved.stored


def test_a_run_can_have_two_parameter_sets_of_a_strategy(
    manager: BacktestPersistenceManager, files: BacktestFiles
):
    run = Run(manager, files, "run-1")
    assert run.test().computed == {"sma_cross": 6}
    rows = run.save()
    assert rows.select("symbol", "parameters").n_unique() == rows["id"].n_unique() == 6
    (curves,) = files.equity_parts([("run-1", 0)])
    assert curves.group_by("backtest_id").len().height == 6
    finals = curves.group_by("backtest_id", maintain_order=True).agg(pl.col("equity").last())
    stored = dict(rows.select("id", "final_value").iter_rows())
    assert dict(finals.iter_rows()) == stored
    assert set(manager.get_backtests_by_run("run-1")["id"]) == set(rows["id"])


def test_the_next_run_uses_stored_results_and_has_them(
    manager: BacktestPersistenceManager, files: BacktestFiles
):
    first = Run(manager, files, "run-1")
    first.test()
    rows = first.save()
    second = Run(manager, files, "run-2")
    assert second.test().cached == {"sma_cross": 6}
    again = second.save()
    assert again.equals(rows)
    assert set(again["run_id"]) == {"run-1"}
    assert set(manager.get_backtests_by_run("run-2")["id"]) == set(rows["id"])


def test_a_retried_step_computes_its_own_results(
    manager: BacktestPersistenceManager, files: BacktestFiles
):
    run = Run(manager, files, "run-1")
    run.test()
    rows = run.save()
    assert run.test().computed == {"sma_cross": 6}
    (curves,) = files.equity_parts([("run-1", 0)])
    assert curves["backtest_id"].n_unique() == 6
    assert run.save().equals(rows)
