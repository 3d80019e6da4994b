"""The files of sweeps: there whole or not at all, in folders and in buckets."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import fsspec
import numpy as np
import polars as pl
import pytest

from research.universe_curves import UniverseCurves
from research.universe_sweep import MEASURED, PointMetrics
from resources.run_artifacts import sweep_files
from resources.run_artifacts.sweep_files import (
    POINTS_SCHEMA,
    SweepFiles,
    build_curves,
    identify_sweep,
)
from strategies.rsi import Rsi
from tests.bars import FIRST_DAY

SWEEP = "5d8f7a70-5a0f-5a3c-9a40-0b4f3a3b2c11"
FACTS = {"skipped": [{"period": 1}], "failures": []}
CURVES = UniverseCurves(
    [Rsi(7), Rsi(14)],
    FIRST_DAY + np.arange(3),
    np.array([[0.0, 0.1, 0.2], [0.0, -0.1, 0.05]]),
    np.array([[0.0, 0.5, 1.0], [0.0, 0.5, 0.0]]),
    np.array([0.5, 0.25]),
    np.array([2, 2]),
    np.array([0.0, 0.01, 0.02]),
)
POINTS = pl.DataFrame(
    {
        "point": [0, 1],
        "parameters": ["{}", "{}"],
        "trial_id": ["a", "b"],
        "tested_symbols": [2, 2],
        "activity": [0.5, 0.25],
        "beta": [1.0, 0.0],
        "residual_return": [0.1, 0.2],
        "residual_sharpe_ratio": [1.0, None],
    },
    schema=POINTS_SCHEMA,
)


def _metrics(*symbols: str) -> PointMetrics:
    symbol = np.repeat(np.arange(len(symbols)), 2)
    values = np.where(np.arange(len(symbol)) == 1, np.nan, 0.5 + symbol)
    point = np.tile(np.arange(2), len(symbols))
    return PointMetrics(symbols, symbol, point, dict.fromkeys(MEASURED, values))


def _write(files: SweepFiles, sweep: str = SWEEP, strategy: str = "rsi") -> None:
    writer = files.write(strategy, sweep)
    for symbols in (("A", "B"), ("C",)):
        writer.add(_metrics(*symbols))
    writer.close(POINTS, build_curves(CURVES), FACTS)


@pytest.fixture(params=["folder", "bucket"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SweepFiles]:
    if request.param == "folder":
        yield SweepFiles(f"{tmp_path}/[backtests]/")
        return
    yield SweepFiles("memory://sweep-files")
    fs = fsspec.filesystem("memory")
    if fs.exists("/sweep-files"):
        fs.rm("/sweep-files", recursive=True)


def test_a_sweep_reads_back_as_written(files: SweepFiles, monkeypatch: pytest.MonkeyPatch):
    whole = SweepFiles(files.root)
    for rows in (1, 200_000):
        monkeypatch.setattr(sweep_files, "_ROWS_PER_PART", rows)
        _write(whole)
        assert files.find("rsi", SWEEP) == FACTS
        assert files.read_points("rsi", SWEEP).equals(POINTS)
        metrics = files.read_metrics("rsi", SWEEP)
        assert metrics["symbol"].to_list() == ["A", "A", "B", "B", "C", "C"]
        assert metrics["point"].to_list() == [0, 1] * 3
        assert metrics["sharpe_ratio"].to_list() == [0.5, None, 1.5, 1.5, 0.5, None]
        curves = files.read_curves("rsi", SWEEP)
        assert np.array_equal(curves["return"].to_numpy().reshape(2, 3), CURVES.returns)
        assert curves.filter(point=1)["market"].to_list() == CURVES.market.tolist()
        assert curves.filter(point=0)["date"].to_list() == CURVES.dates.tolist()


def test_what_is_not_whole_is_not_there(files: SweepFiles):
    writer = files.write("rsi", SWEEP)
    writer.add(_metrics("A"))
    assert files.find("rsi", SWEEP) is None
    writer.close(POINTS, build_curves(CURVES), FACTS)
    assert files.find("macd", SWEEP) is None
    assert files.find("rsi", SWEEP) == FACTS
    fs, folder = fsspec.url_to_fs(f"{files.root.rstrip('/')}/sweeps/rsi/{SWEEP}")
    content = fs.cat_file(f"{folder}/metrics-00000.parquet")
    for broken in (content[:-1], b""):
        fs.pipe_file(f"{folder}/metrics-00000.parquet", broken)
        assert files.find("rsi", SWEEP) is None
    fs.rm_file(f"{folder}/metrics-00000.parquet")
    assert files.find("rsi", SWEEP) is None
    fs.pipe_file(f"{folder}/manifest.json", b"[]")
    assert files.find("rsi", SWEEP) is None
    with pytest.raises(FileNotFoundError):
        files.read_points("macd", SWEEP)


def test_old_sweeps_are_found_but_not_the_newest_of_a_strategy(tmp_path: Path):
    files, now = SweepFiles(str(tmp_path)), datetime.now(UTC)
    for strategy, sweep, days in (("rsi", "a", 9), ("rsi", "b", 5), ("macd", "c", 9)):
        _write(files, sweep, strategy)
        when = (now - timedelta(days=days)).timestamp()
        for path in (tmp_path / "sweeps" / strategy / sweep).iterdir():
            os.utime(path, (when, when))
    assert files.find_old(now) == [("rsi", "a")]
    assert files.find_old(now - timedelta(days=20)) == []
    files.delete("rsi", "a")
    files.delete("rsi", "a")
    assert files.find_old(now) == []
    assert files.find("rsi", "b") == FACTS
    assert SweepFiles(f"{tmp_path}/none").find_old(now) == []


def test_other_trials_or_another_order_are_another_sweep():
    scope, one, two = (UUID(int=number) for number in range(3))
    found = identify_sweep(scope, [one, two])
    assert found == identify_sweep(scope, iter([one, two]))
    others = [(scope, [two, one]), (scope, [one]), (one, [one, two])]
    assert len({found, *(identify_sweep(*other) for other in others)}) == 4
