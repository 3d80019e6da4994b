"""A portfolio's version changes with the code that ranks its signals."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = """
from research.protocol_version import portfolio_version
from strategies.momentum import Momentum
from strategies.rsi import Rsi
print(portfolio_version((Rsi,)), portfolio_version((Momentum,)))
"""


def _read_versions(folder: Path) -> list[str]:
    command = [sys.executable, "-c", PROGRAM]
    # Not those of this tree: the copy's own packages.
    environment = {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_another_strength_is_another_version_of_its_portfolios(tmp_path: Path):
    for package in ("strategies", "engine", "research"):
        shutil.copytree(ROOT / package, tmp_path / package)
    rsi, momentum = _read_versions(tmp_path)
    file = tmp_path / "strategies/rsi.py"
    ranked = "return self.oversold - rsi("
    assert ranked in file.read_text()
    file.write_text(file.read_text().replace(ranked, "return self.overbought - rsi("))
    changed, same = _read_versions(tmp_path)
    assert changed != rsi
    assert same == momentum
