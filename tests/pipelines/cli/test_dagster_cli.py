"""`dagster asset materialize` as the README shows it, with the embedded PostgreSQL."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from resources.result_store.resource import ResultStore
from tests.pipelines.cli.command import ROOT, lay_out, materialized
from tests.postgres import stop_server


@pytest.fixture
def folder() -> Iterator[Path]:
    """Lend a project's folder for the embedded server (not pytest's, see tests/postgres.py)."""
    folder = Path(tempfile.mkdtemp(prefix="gauntlet-cli-"))
    lay_out(folder, ["BTC/USDT", "MSFT", "AAPL", "M&M.NS"])
    yield folder
    shutil.rmtree(folder)


def _materialize(folder: Path, *partitions: str) -> subprocess.CompletedProcess[str]:
    inherited = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "DAGSTER_HOME")}
    command = [sys.executable, "-m", "dagster", "asset", "materialize", "--select", "*"]
    return subprocess.run(
        [*command, *partitions, "-m", "pipelines.definitions"],
        cwd=folder,
        env={**inherited, "GAUNTLET_START": "2023-07-01"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_partitions_and_ranges_share_one_lasting_history(folder: Path):
    one = _materialize(folder, "--partition", "BTC/USDT")
    assert one.returncode == 0, one.stderr
    assert materialized(folder, "backtests", "rsi") == {"BTC/USDT"}
    assert "equal-weight universe: 1 of 4 symbols have prices; at least 4" in one.stderr
    settings = {"take_profit": 0.03, "stop_loss": None, "batch_size": 2}
    config = json.dumps({"resources": {"run_settings": {"config": settings}}})
    ranged = _materialize(folder, "--partition-range", "MSFT...M&M.NS", "--config-json", config)
    assert ranged.returncode == 0, ranged.stderr
    assert "equal-weight universe: 4 of 4 symbols" in ranged.stderr
    everything = {"BTC/USDT", "MSFT", "AAPL", "M&M.NS"}
    assert materialized(folder, "prices") == everything
    assert materialized(folder, "backtest_summaries") == everything
    assert (folder / ".data/postgres").exists()
    messages = [line for line in ranged.stderr.splitlines() if " - dagster - " in line]
    assert len(messages) < 16, "the console shows messages, not all events"


def test_a_bad_portfolio_is_said_by_dagster_and_nothing_is_run(folder: Path):
    (folder / "portfolios").mkdir()
    (folder / "portfolios/mine.yaml").write_text("strategies: rsi\nslots: -1\n")
    done = _materialize(folder, "--partition", "MSFT")
    assert done.returncode != 0
    said = f"{folder}/portfolios/mine.yaml, line 2: slots is -1; allowed: whole numbers from 1 to"
    assert said in done.stderr.splitlines()[-1]
    assert not (folder / ".data/postgres").exists()


def test_the_request_of_the_readme_stores_its_results(folder: Path):
    readme = (ROOT / "README.md").read_text()
    (block,) = [one for one in re.findall(r"```sh\n(.*?)```", readme, re.DOTALL) if "-j " in one]
    dagster = f"{sys.executable} -m dagster job"
    kept = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "DAGSTER_HOME")}
    done = subprocess.run(
        ["sh", "-ec", block.replace("dagster job", dagster)],
        cwd=folder,
        env={**kept, "GAUNTLET_START": "2023-07-01"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    try:
        manager = ResultStore(home=str(folder / ".data")).manager()
        rows = manager.get_backtests_by_strategy("rsi")
        runs = [manager.get_run(row["run_id"]) or {} for row in rows]
    finally:
        stop_server(folder / ".data")
    assert {row["symbol"] for row in rows} == {"AAPL", "MSFT"}
    assert {run["run_user"] for run in runs} == {"ann"}


def test_an_unknown_partition_is_refused_by_name(folder: Path):
    done = _materialize(folder, "--partition", "NOPE")
    assert done.returncode != 0
    assert "`NOPE`" in done.stderr.splitlines()[-1]
    assert not (folder / ".data/prices").exists()
