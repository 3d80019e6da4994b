"""The files of a run's backtests: only completely written parts are read."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import fsspec
import pytest

from engine.backtest import VectorBTEngine
from resources.run_artifacts.backtest_files import BacktestFiles
from resources.run_artifacts.backtest_tables import EQUITY_SCHEMA, BacktestTables
from resources.run_artifacts.result_digests import select_as_computed
from resources.run_artifacts.stored_backtests import DamagedBacktestsError, OutdatedBacktestsError
from strategies.sma_cross import SmaCross
from tests.flips import flip_bits
from tests.resources.batches import HISTORIES, WINDOW, Provenance, tables_of

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


def test_a_late_attempt_changes_nothing_that_is_committed(
    files: BacktestFiles, first: BacktestTables, second: BacktestTables
):
    early = files.write_attempt("run", 0, first)
    files.commit("run", 0, early, first.results, first.digests)
    committed = files.verify("run", 0)
    late = files.write_attempt("run", 0, second)
    early_names, late_names = (
        {file.name for file in one.files.values() if file} for one in (early, late)
    )
    assert late_names
    assert not early_names & late_names
    assert files.verify("run", 0) == committed
    assert _same(files.read_part("run", 0), first)
    assert files.remove_uncommitted("run") == len(late_names)
    assert files.verify("run", 0) == committed
    assert files.remove_uncommitted("run") == 0


def test_parts_read_back_as_written(
    files: BacktestFiles, first: BacktestTables, second: BacktestTables
):
    files.write("run", 1, second)
    files.write("run", 0, first)
    assert files.parts("run") == [0, 1]
    assert _same(files.read_part("run", 0), first)
    assert _same(files.read_part("run", 1), second)
    assert files.read_part("run", 0).results.schema == first.results.schema
    assert files.read_part("run", 0).equity.equals(EQUITY_SCHEMA.to_frame())


def test_the_curves_of_chosen_parts_are_read(
    files: BacktestFiles, first: BacktestTables, second: BacktestTables
):
    files.write("run-1", 0, first)
    files.write("run-1", 1, second)
    files.write("run-2", 0, second)
    read = list(files.equity_parts([("run-2", 0), ("run-1", 0)]))
    assert [one.schema for one in read] == [EQUITY_SCHEMA] * 2
    assert read[0].equals(second.equity)
    assert read[1].equals(first.equity)


FILES = ["results-00000.parquet", "trades-00000.parquet", "equity-00000.parquet"]
MANIFEST = "manifest-00000.json"


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("spoil", [lambda content: content[:-1], lambda _: b""])
def test_a_damaged_file_is_refused_by_name(
    tmp_path: Path, first: BacktestTables, name: str, spoil: Callable[[bytes], bytes]
):
    files = BacktestFiles(root=str(tmp_path))
    files.write("run", 0, first)
    assert files.verify("run", 0) == first.digests
    path = tmp_path / "run" / name
    path.write_bytes(spoil(path.read_bytes()))
    told = f"{path} is not what was written: its results are not used, and the next run of"
    with pytest.raises(DamagedBacktestsError, match=told):
        files.verify("run", 0)
    curves = files.equity_parts([("run", 0)])
    with pytest.raises(DamagedBacktestsError, match=told):
        _ = next(curves) if name == FILES[2] else files.read_part("run", 0)


@pytest.mark.parametrize("name", [*FILES, MANIFEST])
def test_no_flipped_bit_gives_other_results(tmp_path: Path, first: BacktestTables, name: str):
    files = BacktestFiles(root=str(tmp_path))
    files.write("run", 0, first)
    path = tmp_path / "run" / name
    whole, unnoticed = path.read_bytes(), 0
    for flipped in flip_bits(whole, 400):
        path.write_bytes(flipped)
        try:
            digests = files.verify("run", 0)
            read = files.read_part("run", 0)
            (curves,) = files.equity_parts([("run", 0)])
        except DamagedBacktestsError:
            continue
        assert _same(read, first)
        assert curves.equals(first.equity)
        # A result whose digest was changed or lost is not used.
        same = select_as_computed(read.results, read.trades, digests)
        assert same.height < first.results.height or digests == first.digests
        unnoticed += 1
    assert name == MANIFEST or not unnoticed


@pytest.mark.parametrize("name", ["results", "trades", "equity"])
def test_a_table_that_the_manifest_lost_is_damaged(
    tmp_path: Path, first: BacktestTables, name: str
):
    files = BacktestFiles(root=str(tmp_path))
    files.write("run", 0, first)
    manifest = tmp_path / "run" / MANIFEST
    manifest.write_text(manifest.read_text().replace(f'"{name}"', '"lost"', 1))
    with pytest.raises(DamagedBacktestsError, match="is not what was written"):
        files.verify("run", 0)


def test_a_run_does_not_see_a_run_with_the_same_prefix(
    files: BacktestFiles, first: BacktestTables, second: BacktestTables
):
    files.write("run-1", 0, first)
    files.write("run-12", 3, second)
    assert (files.parts("run-1"), files.parts("run-12")) == ([0], [3])
    assert _same(files.read_part("run-1", 0), first)


def test_a_run_that_wrote_nothing_has_no_parts(files: BacktestFiles):
    assert files.parts("unknown") == []
    with pytest.raises(FileNotFoundError):
        files.verify("unknown", 0)


def test_an_empty_part_is_listed(files: BacktestFiles):
    files.write("run", 0, _tables())
    assert files.parts("run") == [0]
    assert _same(files.read_part("run", 0), _tables())
    (curves,) = files.equity_parts([("run", 0)])
    assert curves.equals(EQUITY_SCHEMA.to_frame())


def test_parts_are_ordered_by_number(files: BacktestFiles, second: BacktestTables):
    for part in (100_000, 99_999, 2, 10):
        files.write("run", part, second)
    assert files.parts("run") == [2, 10, 99_999, 100_000]


def test_writing_a_part_again_replaces_only_that_part(
    files: BacktestFiles, first: BacktestTables, second: BacktestTables
):
    files.write("run", 0, first)
    files.write("run", 1, first)
    files.write("run", 0, second)
    assert files.parts("run") == [0, 1]
    assert _same(files.read_part("run", 0), second)
    assert _same(files.read_part("run", 1), first)
    heights = [one.height for one in files.equity_parts([("run", 0), ("run", 1)])]
    assert heights == [second.equity.height, first.equity.height]


def test_a_part_without_results_is_not_listed(files: BacktestFiles, first: BacktestTables):
    class Lost:
        def write_parquet(self, _: object) -> None:
            raise MemoryError

    results: Any = Lost()
    with pytest.raises(MemoryError):
        files.write("run", 0, BacktestTables(results, first.trades, first.equity))
    assert files.parts("run") == []


@pytest.mark.parametrize("lost", ["equity", "trades"])
def test_a_failed_write_never_mixes_with_the_earlier_one(
    tmp_path: Path, lost: str, first: BacktestTables, second: BacktestTables
):
    files = BacktestFiles(root=str(tmp_path))
    files.write("run", 0, first)
    # A folder in place of the file fails the write of that table, as a full disk would.
    (tmp_path / "run" / f"{lost}-00000.parquet").unlink()
    (tmp_path / "run" / f"{lost}-00000.parquet" / "in the way").mkdir(parents=True)
    with pytest.raises(OSError, match=lost):
        files.write("run", 0, second)
    assert files.parts("run") == []
    assert [path.name for path in (tmp_path / "run").glob(".*")] == []


def test_files_other_than_manifests_are_not_parts(tmp_path: Path, first: BacktestTables):
    files = BacktestFiles(root=str(tmp_path))
    files.write("run", 0, first)
    for name in (".manifest-00001.json.ab.tmp", "manifest-x.json", "manifest-00002.csv"):
        (tmp_path / "run" / name).touch()
    assert files.parts("run") == [0]


@pytest.mark.parametrize("name", ["run[1]", "all*"])
def test_a_root_is_never_a_pattern(files: BacktestFiles, name: str, first: BacktestTables):
    odd = BacktestFiles(root=f"{files.root}/{name}")
    odd.write("run", 0, first)
    assert odd.parts("run") == [0]
    assert _same(odd.read_part("run", 0), first)


def test_old_runs_are_those_without_later_writes(files: BacktestFiles, first: BacktestTables):
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
def test_a_part_of_an_older_version_is_refused(
    files: BacktestFiles, first: BacktestTables, table: str, column: str
):
    older = replace(first, **{table: getattr(first, table).drop(column)})
    files.write("run-1", 0, older)
    with pytest.raises(OutdatedBacktestsError, match=r"run-1 .* materialize backtests again"):
        files.read_part("run-1", 0)


def test_curves_of_a_version_without_digests_are_read(tmp_path: Path, first: BacktestTables):
    files = BacktestFiles(root=str(tmp_path))
    files.write("run", 0, first)
    manifest = tmp_path / "run" / MANIFEST
    manifest.write_text(json.dumps(json.loads(manifest.read_text())["files"]))
    (curves,) = files.equity_parts([("run", 0)])
    assert curves.equals(first.equity)
    assert files.verify("run", 0) == {}
    # Its rows can't be compared with what the engine gave: they are not taken for verified.
    with pytest.raises(OutdatedBacktestsError, match="materialize backtests again"):
        files.read_part("run", 0)
