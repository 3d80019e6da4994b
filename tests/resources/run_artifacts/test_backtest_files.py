"""The files of a run's backtests: what a run wrote is found, and nothing else is."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import fsspec
import polars as pl
import pytest

from engine.backtest import VectorBTEngine
from resources.run_artifacts.backtest_files import BacktestFiles, OutdatedBacktestsError
from resources.run_artifacts.backtest_tables import (
    EQUITY_SCHEMA,
    BacktestTables,
    Provenance,
    tables_of,
)
from strategies.sma_cross import SmaCross
from tests.resources.batches import HISTORIES, WINDOW

BUCKET = "memory://backtest-files"


@cache
def _tables(*places: int) -> BacktestTables:
    histories = [HISTORIES[place] for place in places]
    versions = {history.symbol: "data" for history in histories}
    results = VectorBTEngine().run_batch(histories, SmaCross(), WINDOW).results
    codes = {"sma_cross": "code"}
    return tables_of(results, Provenance("run", "synthetic", 365, versions, codes))


@pytest.fixture
def first() -> BacktestTables:
    return _tables(2, 3)


@pytest.fixture
def second() -> BacktestTables:
    return _tables(4)


@pytest.fixture(params=["folder", "bucket"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BacktestFiles]:
    if request.param == "folder":
        yield BacktestFiles(root=f"{tmp_path}/backtests")
        return
    yield BacktestFiles(root=BUCKET)
    fs = fsspec.filesystem("memory")
    if fs.exists("/backtest-files"):
        fs.rm("/backtest-files", recursive=True)


def _same(read: BacktestTables, written: BacktestTables) -> bool:
    return read.results.equals(written.results) and read.trades.equals(written.trades)


def test_what_is_written_is_read_back_a_part_at_a_time(
    files: BacktestFiles, first: BacktestTables, second: BacktestTables
):
    files.write("run", 1, second)
    files.write("run", 0, first)
    assert files.parts("run") == [0, 1]
    assert _same(files.read_part("run", 0), first)
    assert _same(files.read_part("run", 1), second)
    assert files.read_part("run", 0).results.schema == first.results.schema
    assert files.read_part("run", 0).equity.equals(EQUITY_SCHEMA.to_frame())


def test_curves_of_several_runs_are_told_apart_by_their_run(
    files: BacktestFiles, first: BacktestTables, second: BacktestTables
):
    files.write("run-1", 0, first)
    files.write("run-1", 1, second)
    files.write("run-2", 0, second)
    curves = files.equity(["run-1", "run-2"])
    assert curves.schema == {**EQUITY_SCHEMA, "run_id": pl.String()}
    own = {run: curves.filter(run_id=run).drop("run_id") for run in ("run-1", "run-2")}
    assert own["run-1"].equals(pl.concat([first.equity, second.equity]))
    assert own["run-2"].equals(second.equity)


def test_a_run_sees_no_other_run_not_even_one_whose_name_begins_alike(
    files: BacktestFiles, first: BacktestTables, second: BacktestTables
):
    files.write("run-1", 0, first)
    files.write("run-12", 3, second)
    assert (files.parts("run-1"), files.parts("run-12")) == ([0], [3])
    assert _same(files.read_part("run-1", 0), first)


def test_a_run_that_wrote_nothing_has_no_parts_and_an_empty_frame_of_curves(files: BacktestFiles):
    assert files.parts("unknown") == []
    for curves in (files.equity([]), files.equity(["unknown"])):
        assert curves.is_empty()
        assert curves.schema == {**EQUITY_SCHEMA, "run_id": pl.String()}


def test_an_empty_part_is_a_part(files: BacktestFiles):
    files.write("run", 0, _tables())
    assert files.parts("run") == [0]
    assert _same(files.read_part("run", 0), _tables())
    assert files.equity(["run"]).schema == {**EQUITY_SCHEMA, "run_id": pl.String()}


def test_parts_come_in_the_order_of_their_numbers(files: BacktestFiles, second: BacktestTables):
    for part in (100_000, 99_999, 2, 10):
        files.write("run", part, second)
    assert files.parts("run") == [2, 10, 99_999, 100_000]


def test_writing_a_part_again_replaces_it_and_leaves_the_others(
    files: BacktestFiles, first: BacktestTables, second: BacktestTables
):
    files.write("run", 0, first)
    files.write("run", 1, first)
    files.write("run", 0, second)
    assert files.parts("run") == [0, 1]
    assert _same(files.read_part("run", 0), second)
    assert _same(files.read_part("run", 1), first)
    assert files.equity(["run"]).height == second.equity.height + first.equity.height


def test_a_part_whose_results_were_not_written_is_not_there(
    files: BacktestFiles, first: BacktestTables
):
    class Lost:
        def write_parquet(self, _: object) -> None:
            raise MemoryError

    results: Any = Lost()
    with pytest.raises(MemoryError):
        files.write("run", 0, BacktestTables(results, first.trades, first.equity))
    assert files.parts("run") == []
    assert files.equity(["run"]).is_empty()


@pytest.mark.parametrize("lost", ["equity", "trades"])
def test_an_attempt_that_fails_midway_never_mixes_with_the_one_before(
    tmp_path: Path, lost: str, first: BacktestTables, second: BacktestTables
):
    files = BacktestFiles(root=str(tmp_path))
    files.write("run", 0, first)
    # A folder in the way of the file is what a full disk is: the write of that table fails.
    (tmp_path / "run" / f"{lost}-00000.parquet").unlink()
    (tmp_path / "run" / f"{lost}-00000.parquet" / "in the way").mkdir(parents=True)
    with pytest.raises(OSError, match=lost):
        files.write("run", 0, second)
    assert files.parts("run") == []
    assert [path.name for path in (tmp_path / "run").glob(".*")] == []


def test_files_that_are_no_results_are_no_parts(tmp_path: Path, first: BacktestTables):
    files = BacktestFiles(root=str(tmp_path))
    files.write("run", 0, first)
    for name in (".results-00001.parquet.ab.tmp", "results-x.parquet", "results-00002.csv"):
        (tmp_path / "run" / name).touch()
    assert files.parts("run") == [0]


@pytest.mark.parametrize("name", ["run[1]", "all*"])
def test_a_root_is_never_taken_for_a_pattern(
    files: BacktestFiles, name: str, first: BacktestTables
):
    odd = BacktestFiles(root=f"{files.root}/{name}")
    odd.write("run", 0, first)
    assert odd.parts("run") == [0]
    assert odd.equity(["run"]).height == first.equity.height


def test_old_runs_are_those_that_wrote_nothing_since_and_nothing_else_is_one(
    files: BacktestFiles, first: BacktestTables
):
    old, young = "11111111-2222-3333-4444-555555555555", "99999999-2222-3333-4444-555555555555"
    for run_id in (old, young, "kept-by-hand"):
        files.write(run_id, 0, first)
    now = datetime.now(UTC)
    assert files.runs(now - timedelta(days=1)) == []
    assert files.runs(now + timedelta(days=1)) == [old, young]
    files.delete(old)
    assert files.runs(now + timedelta(days=1)) == [young]


@pytest.mark.parametrize(
    ("table", "column"), [("results", "universe_alpha"), ("trades", "exit_reason")]
)
def test_a_part_of_a_version_that_measured_less_is_refused_with_what_to_do(
    files: BacktestFiles, first: BacktestTables, table: str, column: str
):
    older = replace(first, **{table: getattr(first, table).drop(column)})
    files.write("run-1", 0, older)
    with pytest.raises(OutdatedBacktestsError, match=r"run-1 .* materialize backtests again"):
        files.read_part("run-1", 0)
    assert files.equity(["run-1"]).height == first.equity.height
