"""The strategy, Python, settings and links of the README are correct."""

import asyncio
import re
import subprocess
import sys
import textwrap
from datetime import date
from pathlib import Path

import pytest

from tests.bars import random_frame

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()


class Provider:
    def get_stock_data(self, symbol: str, start_date: date, end_date: date, interval: str):
        return random_frame(1100, seed=1)


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


def test_the_examples_of_notebooks_run(
    database: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setenv("DATABASE_URL", database)
    monkeypatch.chdir(tmp_path)
    blocks = [block for block in _blocks("python") if "gauntlet.open" in block or "g.save" in block]
    assert len(blocks) == 2
    source = "\n".join(blocks)
    program = f"async def example():\n{textwrap.indent(source, '    ')}\n    return locals()\n"
    names: dict[str, object] = {"provider": Provider()}
    exec(program, names)  # noqa: S102 - the README's own examples
    shown = asyncio.run(names["example"]())  # pyright: ignore[reportCallIssue]
    assert shown["result"]["parameters"] == {"fast_period": 5, "slow_period": 20}
    (saved,) = shown["g"].results(purpose="notebook")["id"]
    assert shown["g"].store.get_backtest_by_id(saved)["notes"] == "first try"


def test_settings_are_those_of_the_code():
    name = r"GAUNTLET_[A-Z]+(?:_[A-Z]+)*"
    shown = set(re.findall(rf"\| `({name})(?:_\*)?` \|", README))
    read = set(re.findall(name, (ROOT / "resources/config/environment.py").read_text()))
    assert shown == read


def test_make_targets_exist():
    verbs = set(re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:^|`)make ([a-z]+)", README, re.MULTILINE)) <= verbs


def test_files_and_folders_exist():
    for path in re.findall(r"\]\((?!http)([^)#]+)", README) + re.findall(r"`([a-z]+/)`", README):
        assert (ROOT / path).exists(), path
