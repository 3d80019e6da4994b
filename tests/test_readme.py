"""The strategy, Python, settings and links of the README are correct."""

import asyncio
import re
import subprocess
import sys
import textwrap
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from resources.result_store.manager import BacktestPersistenceManager
from tests.bars import random_bars

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()


START, END = date(2021, 6, 1), date(2021, 12, 31)


class Provider:
    def get_stock_data(self, symbol: str, start_date: date, end_date: date, interval: str):
        bars = random_bars(400)
        index = pd.date_range("2021-01-04", periods=400)
        columns = {"Open": bars.open, "High": bars.high, "Low": bars.low, "Close": bars.close}
        return pd.DataFrame({**columns, "Volume": bars.volume}, index=index)


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_the_example_of_a_strategy_gives_signals(tmp_path: Path):
    (source,) = [block for block in _blocks("python") if "strategies/golden_cross.py" in block]
    (tmp_path / "golden_cross.py").write_text(source)
    program = (
        f"import strategies; strategies.__path__.append({str(tmp_path)!r})\n"
        "from strategies.registry import get_strategy\n"
        "from tests.bars import random_bars\n"
        "signals = get_strategy('golden_cross')().signals(random_bars(2000))\n"
        "print(signals.entries.any(), signals.exits.any())"
    )
    shown = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert shown.stdout.strip() == "True True"


def test_the_example_of_queries_runs(database: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DATABASE_URL", database)
    (source,) = [block for block in _blocks("python") if "ResultStore" in block]
    names: dict[str, object] = {}
    exec(source, names)  # noqa: S102 - the README's own example
    assert isinstance(names["store"], BacktestPersistenceManager)


def test_the_example_of_the_engine_runs():
    (source,) = [block for block in _blocks("python") if "run_backtest" in block]
    names: dict[str, object] = {"provider": Provider(), "start": START, "end": END}
    program = f"async def example():\n{textwrap.indent(source, '    ')}\n    return result\n"
    exec(program.replace('result["metrics"]', '_ = result["metrics"]'), names)  # noqa: S102
    result = asyncio.run(names["example"]())  # pyright: ignore[reportCallIssue]
    assert result["parameters"] == {"fast_period": 5, "slow_period": 20}


def test_settings_are_those_of_the_code():
    name = r"GAUNTLET_[A-Z]+(?:_[A-Z]+)*"
    shown = set(re.findall(rf"\| `({name})(?:_\*)?` \|", README))
    read = set(re.findall(name, (ROOT / "resources/config/environment.py").read_text()))
    assert shown == read


def test_make_targets_exist():
    verbs = set(re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:^|`)make ([a-z]+)", README, re.MULTILINE)) <= verbs


def test_files_and_folders_exist():
    for path in re.findall(r"\]\((?!http)([^)]+)\)", README) + re.findall(r"`([a-z]+/)`", README):
        assert (ROOT / path).exists(), path
