"""`gauntlet.open`: it finds the project's data, creates nothing, and its frames are the store's."""

import asyncio
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest
import sqlalchemy as sa

import gauntlet
from engine.backtest import VectorBTEngine
from engine.failure import Failure
from gauntlet.store import UnknownFramesError
from research.purpose import Purpose
from research.verdicts.judgement import reach_verdicts
from research.verdicts.rows import VERDICTS_SCHEMA
from resources.result_store.errors import InvalidArgumentError
from resources.result_store.models import FailureRow
from resources.result_store.resource import ResultStore
from tests.bars import random_frame
from tests.postgres import fresh_database
from tests.project import Project
from tests.research.verdicts.panels import grid, panel
from tests.resources.result_store.trials import ledger as scopes

TWO = ("S00", "S01")


@dataclass
class Stored:
    home: Path
    url: str
    project: Project

    def open(self, **given: Any) -> gauntlet.Gauntlet:
        return gauntlet.open(self.home, database_url=self.url, **given)


@pytest.fixture(scope="module")
def stored(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stored]:
    """Lend the data of a run over two symbols and strategies, and a result of a notebook."""
    folder = tmp_path_factory.mktemp("project")
    with fresh_database(server) as url, Project.opened(folder, url) as project:
        assert project.run(TWO).success
        stored = Stored(folder / "home", url, project)
        stored.open().save(_backtest(), execution_time=1.5, notes="tried")
        yield stored


class Provider:
    def get_stock_data(self, symbol: str, start_date: str, end_date: str, interval: str):
        return random_frame(500, seed=1)


def _backtest() -> dict[str, Any]:
    engine = VectorBTEngine(data_provider=Provider())  # pyright: ignore[reportArgumentType]
    return asyncio.run(engine.run_backtest("AAPL", "rsi", None, "2021-06-01", "2022-03-31"))


def test_results_are_the_rows_of_the_store(stored: Stored):
    results = stored.open().results()
    assert isinstance(results, pl.DataFrame)
    pairs = [("macd", "S00"), ("macd", "S01"), ("rsi", "S00"), ("rsi", "S01")]
    assert results.select("strategy", "symbol").rows() == pairs
    for row in results.to_dicts():
        (expected,) = stored.project.manager.get_backtests_by_symbol(row["symbol"], row["strategy"])
        metrics = ("total_return", "sharpe_ratio", "total_trades", "first_session", "data_version")
        assert [row[name] for name in metrics] == [expected[name] for name in metrics]
    assert stored.open().results("S01", "rsi").select("strategy", "symbol").rows() == pairs[3:]
    assert stored.open().results("NONE").is_empty()


def test_trades_and_curves_belong_to_the_results(stored: Stored):
    opened = stored.open()
    results, trades, equity = opened.results(), opened.trades(), opened.equity()
    assert isinstance(results, pl.DataFrame)
    assert isinstance(trades, pl.DataFrame)
    assert isinstance(equity, pl.DataFrame)
    assert trades.columns[:3] == ["symbol", "strategy", "trade_no"]
    for symbol, strategy, count, bars, final in results.select(
        "symbol", "strategy", "total_trades", "data_points", "final_value"
    ).iter_rows():
        assert trades.filter(symbol=symbol, strategy=strategy).height == count
        curve = equity.filter(symbol=symbol, strategy=strategy)
        assert (curve.height, curve["equity"][-1]) == (bars, final)
        assert curve["date"].is_sorted()
    assert results["total_trades"].sum() > 0
    (pnl,) = opened.trades("S00", "macd").select(pl.col("pnl").sum()).row(0)  # pyright: ignore[reportCallIssue, reportArgumentType]
    final = results.filter(symbol="S00", strategy="macd")["final_value"][0]
    assert pnl == pytest.approx(final - 10_000.0)


def test_the_leaderboard_is_the_one_of_the_run(stored: Stored):
    board = stored.open().leaderboard()
    assert isinstance(board, pl.DataFrame)
    assert board.equals(stored.project.manager.get_leaderboard())
    assert set(board["strategy"]) == {"macd", "rsi"}
    assert board["symbols"].to_list() == [2, 2]


def test_verdicts_are_those_of_the_store(stored: Stored):
    # A run over two of twenty symbols judges nothing.
    found = stored.open().verdicts()
    assert isinstance(found, pl.DataFrame)
    assert found.schema == VERDICTS_SCHEMA
    assert found.is_empty()
    scope, manager = scopes.scope(), stored.project.manager
    manager.record_trials(scope, [scopes.trial()], purpose=Purpose.SWEEP, run_id="run-1")
    versions = {"rsi": "code-1"}
    reached = reach_verdicts(panel(grid("rsi", 2.5)), versions, versions)
    manager.save_verdicts("run-1", scope.identifier, reached, versions)
    found = stored.open().verdicts()
    assert isinstance(found, pl.DataFrame)
    assert found.equals(manager.get_verdicts("run-1"))
    assert found.select("strategy", "verdict").rows() == [("rsi", "promising")]
    frame = stored.open(frames="pandas").verdicts("run-1")
    assert isinstance(frame, pd.DataFrame)
    assert frame["reason"].tolist() == ["there is no walk-forward"]


def test_results_of_notebooks_are_apart(stored: Stored):
    saved = stored.open().results(purpose="notebook")
    assert isinstance(saved, pl.DataFrame)
    assert saved["symbol"].to_list() == ["AAPL"]
    assert "AAPL" not in set(stored.open().results()["symbol"])
    assert stored.open().equity(purpose="notebook").is_empty()  # pyright: ignore[reportAttributeAccessIssue]
    assert len(stored.open().trades(purpose="notebook")) == saved["total_trades"][0]
    with pytest.raises(InvalidArgumentError, match="purpose is 'home'; allowed: pipeline, "):
        stored.open().results(purpose="home")


def test_frames_of_pandas_hold_the_same_and_are_written(stored: Stored, tmp_path: Path):
    polars, pandas = stored.open().results(), stored.open(frames="pandas").results()
    assert isinstance(polars, pl.DataFrame)
    assert isinstance(pandas, pd.DataFrame)
    assert pandas["total_return"].tolist() == polars["total_return"].to_list()
    # One has no trades: undefined is null in polars, and NaN in pandas.
    assert pandas["sharpe_ratio"].isna().tolist() == polars["sharpe_ratio"].is_null().to_list()
    assert polars["sharpe_ratio"].null_count() == 1
    assert pandas["symbol"].tolist() == polars["symbol"].to_list()
    pandas.to_excel(tmp_path / "pandas.xlsx")
    polars.write_excel(tmp_path / "polars.xlsx")
    polars.write_csv(tmp_path / "polars.csv")
    for read in (
        pd.read_excel(tmp_path / "pandas.xlsx"),
        pd.read_excel(tmp_path / "polars.xlsx"),
        pd.read_csv(tmp_path / "polars.csv"),
    ):
        assert read["total_return"].tolist() == pytest.approx(polars["total_return"].to_list())
    with pytest.raises(UnknownFramesError, match="frames is 'arrow'; allowed: polars, pandas"):
        stored.open(frames="arrow")


def test_failures_have_their_columns_if_nothing_failed(stored: Stored):
    manager = stored.project.manager
    manager.record_failures(
        "failed",
        [Failure.of("S05", ValueError("no bars"))],
        stage="prices",
        source="files",
        start_date=date(2022, 6, 1),
        end_date=date(2022, 12, 31),
    )
    opened = stored.open()
    none, some = opened.failures("nothing"), opened.failures("failed")
    assert isinstance(none, pl.DataFrame)
    assert isinstance(some, pl.DataFrame)
    assert none.is_empty()
    assert none.schema == some.schema
    assert none.columns == [one.name for one in sa.inspect(FailureRow).local_table.columns]
    (row,), (kept,) = some.to_dicts(), manager.get_failures("failed")
    assert row == kept
    assert str(row["failed_at"].tzinfo) == "UTC"
    assert row["strategy"] is None
    assert list(stored.open(frames="pandas").failures("nothing").columns) == none.columns


def test_a_notebook_shows_what_is_stored(stored: Stored):
    opened = stored.open()
    html = opened._repr_html_()
    assert f"<td>{stored.home}</td>" in html
    assert "<td>4 of 2 symbols and 2 strategies</td>" in html
    assert "<td>files, 2022-06-01 to 2022-12-31</td>" in html
    assert "results: 4 of 2 symbols and 2 strategies" in repr(opened)
    board = opened.leaderboard()
    assert isinstance(board, pl.DataFrame)
    assert "<table" in str(board._repr_html_())


def test_nothing_is_created_where_nothing_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bare_url: str
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    for given in (tmp_path, tmp_path / "typo"):
        with pytest.raises(gauntlet.StoreNotFoundError, match="There are no results in "):
            gauntlet.open(given)
    monkeypatch.setenv("GAUNTLET_HOME", str(tmp_path / "other"))
    with pytest.raises(gauntlet.StoreNotFoundError, match="other: run `make run` there first"):
        gauntlet.open()
    with pytest.raises(gauntlet.StoreNotFoundError, match="The database has no results of this"):
        gauntlet.open(database_url=bare_url)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def bare_url(server: str) -> Iterator[str]:
    with fresh_database(server, migrated=False) as url:
        yield url


@pytest.fixture(scope="module")
def embedded() -> Iterator[Path]:
    """Lend a project's folder with an embedded PostgreSQL in its `.data`, and one result."""
    folder = Path(tempfile.mkdtemp(prefix="gauntlet-project-"))
    ResultStore(home=str(folder / ".data")).manager().save_backtest_result(_backtest())
    yield folder
    shutil.rmtree(folder)


def test_the_home_is_found_from_any_folder_inside(embedded: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("GAUNTLET_HOME", raising=False)
    inside = embedded / "notebooks" / "drafts"
    inside.mkdir(parents=True)
    monkeypatch.chdir(inside)
    assert gauntlet.open().home == embedded / ".data"
    monkeypatch.chdir("/")
    assert gauntlet.open(embedded).home == gauntlet.open(embedded / ".data").home
    monkeypatch.setenv("GAUNTLET_HOME", str(embedded / ".data"))
    assert len(gauntlet.open().results(purpose="notebook")) == 1


def test_psql_reaches_the_embedded_server(embedded: Path):
    with subprocess.Popen(
        [sys.executable, "-m", "gauntlet", str(embedded)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as keeper:
        assert keeper.stdout is not None
        command = keeper.stdout.readline().strip()
        assert "Ctrl-C" in keeper.stdout.readline()
        query = ["--tuples-only", "--no-align", "-c", "SELECT symbol, strategy FROM backtests"]
        shown = subprocess.run(
            [*shlex.split(command), *query], capture_output=True, text=True, check=True
        )
        assert shown.stdout == "AAPL|rsi\n"
        keeper.terminate()
        assert keeper.wait() == 0


def test_without_a_server_the_command_says_so(tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-m", "gauntlet", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith(f"Refused: There are no results in {tmp_path}: run `make run`")


def test_a_stored_result_is_computed_again_from_its_bars(stored: Stored):
    store = stored.open()
    row = store.results("S00", "macd").row(0, named=True)  # pyright: ignore[reportCallIssue]
    again = store.repeat(row["id"])
    assert again["metrics"]["total_return"] == row["total_return"]
    assert len(again["trades"]) == row["total_trades"]
    with pytest.raises(gauntlet.StoreNotFoundError, match="There is no result"):
        store.repeat("00000000-0000-0000-0000-000000000000")
