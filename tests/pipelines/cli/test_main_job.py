"""`make run` as its user sees it: real processes in a folder of their own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from resources.result_store.connection import create_engine_for, parse_url
from resources.result_store.manager import BacktestPersistenceManager
from strategies.registry import registered_strategies

ROOT = Path(__file__).resolve().parents[3]
SYMBOLS = ["AAPL", "MSFT", "GOOGL", "AMZN", "TSLA", "META", "NVDA"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a project's folder with a small universe."""
    for name in ("dagster.yaml", "workspace.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "universe.csv").write_text("symbol\n" + "\n".join(SYMBOLS) + "\n")
    return tmp_path


def _environment(database: str | None, **variables: str) -> dict[str, str]:
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("GAUNTLET_", "DAGSTER_")) and name != "DATABASE_URL"
    }
    given = {"DATABASE_URL": database} if database else {}
    return {**inherited, "GAUNTLET_START": "2023-01-01", "COLUMNS": "80", **given, **variables}


def _run(
    folder: Path, database: str | None, *options: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pipelines.cli.main_job", *options],
        cwd=folder,
        env=_environment(database, **variables),
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_ends_with_the_leaderboard_and_the_places_of_everything(folder: Path, database: str):
    done = _run(folder, database)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    strategies = len(registered_strategies())
    assert lines[0] == (
        f"7 symbols x {strategies} strategies, source synthetic, 2023-01-01 to 2023-12-31"
    )
    assert "  backtests           7 of 7 symbols in" in done.stdout
    assert all(f" {name} " in done.stdout for name in ("sma_cross", "volume_momentum", "rsi"))
    assert len(lines) < 45
    # Only an address is as long as it is.
    assert max(len(line) for line in lines if not line.startswith("results")) <= 80
    for place in (".data/prices", ".data/backtests", ".data/reports", ".data/logs/main-job-"):
        assert f" {place}" in done.stdout
    assert (folder / ".data/reports/leaderboard.png").exists()
    assert len(list((folder / ".data/prices/synthetic").glob("*.parquet"))) == 7
    assert (folder / ".data/dagster/history").exists()
    engine = create_engine_for(parse_url(database))
    ranking = BacktestPersistenceManager(engine).leaderboard()
    assert ranking["symbols"].to_list() == [7] * strategies
    engine.dispose()


def test_symbols_that_fail_are_named_and_the_others_are_ranked(folder: Path, database: str):
    prices = _prices(folder, SYMBOLS[:6])
    done = _run(folder, database, GAUNTLET_SOURCE="files", GAUNTLET_PRICES=str(prices))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 symbols failed:" in done.stdout
    assert "prices: NVDA:" in done.stdout
    assert "Leaderboard" in done.stdout


def test_a_broken_gate_gives_one_clear_line_and_a_non_zero_exit(folder: Path, database: str):
    prices = _prices(folder, SYMBOLS[:4])
    done = _run(folder, database, GAUNTLET_SOURCE="files", GAUNTLET_PRICES=str(prices))
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(
        "Failed: check success_rate_above_threshold of prices failed. "
        "4 of 7 symbols succeeded: 57.1%, limit 85%."
    )
    assert "Leaderboard" not in done.stdout


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"GAUNTLET_SOURCE": "bloomberg"}, "use one of synthetic, sample, files"),
        ({"GAUNTLET_START": "2024-02-30"}, "GAUNTLET_START=2024-02-30 is not a date"),
        ({"GAUNTLET_END": "2022-01-01"}, "GAUNTLET_START=2023-01-01 is after GAUNTLET_END=2022"),
        ({"GAUNTLET_UNIVERSE": "nowhere.csv"}, "nowhere.csv does not exist"),
        ({"GAUNTLET_UNIVERSE": "workspace.yaml"}, "symbol"),
        ({"GAUNTLET_SOURCE": "files"}, "GAUNTLET_PRICES is not set"),
        ({"GAUNTLET_PRICES": "ftp://me:sesame@h/x"}, "GAUNTLET_SOURCE=files"),
        ({"DATABASE_URL": "postgresql://me:sesame@127.0.0.1:1/x"}, "can't be reached"),
        ({"DATABASE_URL": "mysql://me:sesame@127.0.0.1/x"}, "mysql"),
    ],
)
def test_bad_input_is_refused_in_one_line_before_anything_is_made(
    folder: Path, variables: dict[str, str], message: str
):
    done = _run(folder, None, **variables)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("Refused: ")
    assert message in line
    assert "sesame" not in done.stdout + done.stderr
    assert not (folder / ".data").exists()


def test_one_symbol_of_the_universe_may_be_run_alone(folder: Path, database: str):
    done = _run(folder, database, "--symbol", "TSLA")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("1 symbols x ")
    assert [path.name for path in (folder / ".data/prices").rglob("*.parquet")] == ["TSLA.parquet"]


def test_a_symbol_that_is_not_in_the_universe_is_refused_in_one_line(folder: Path):
    done = _run(folder, None, "--symbol", "TSLX")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line == (
        "Refused: 'TSLX' is not among the 7 symbols of the universe. Did you mean 'TSLA'?"
    )
    assert not (folder / ".data").exists()


def test_help_says_which_settings_there_are():
    done = subprocess.run(
        [sys.executable, "-m", "pipelines.cli.main_job", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "GAUNTLET_SOURCE" in done.stdout
    assert "DATABASE_URL" in done.stdout


def _prices(folder: Path, symbols: list[str]) -> Path:
    from datetime import date

    from resources.market_data.sources.synthetic import SyntheticSource

    prices = folder / "csv"
    prices.mkdir()
    for symbol in symbols:
        bars = SyntheticSource().fetch(symbol, date(2022, 1, 3), date(2023, 12, 31))
        bars.drop("adjustment").write_csv(prices / f"{symbol}.csv")
    return prices
