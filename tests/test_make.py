"""The Makefile's own answers, in a folder in which everything is set up."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pipelines.cli.command import lay_out

ROOT = Path(__file__).resolve().parents[1]
VARIABLES = (
    "PYTHON PORT RUN EXTRAS SOURCE PRICES UNIVERSE SPLITS START END RATE SYMBOL CLUSTER ARGS "
    "MINUTES SEED"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a project whose .venv is that of the tests."""
    lay_out(tmp_path, ["AAPL", "MSFT", "BRK B"])
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "setup.sh").write_text("exit 0\n")
    (tmp_path / ".venv").symlink_to(sys.prefix)
    return tmp_path


def _make(folder: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    ours = ("GAUNTLET_", "DAGSTER_", "DATABASE_URL", "MAKE", "MFLAGS")
    kept = {name: text for name, text in os.environ.items() if not name.startswith(ours)}
    return subprocess.run(
        ["make", *words],
        cwd=folder,
        env={**kept, "PYTHONPATH": str(ROOT), **variables},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("word", "answer"),
    [
        ("SORCE=sample", "SORCE is not a variable of this Makefile. Did you mean SOURCE? "),
        ("symbols=AAPL", "symbols is not a variable of this Makefile. Did you mean SYMBOL? "),
        ("XYZ=", "XYZ is not a variable of this Makefile. "),
    ],
)
def test_an_unknown_variable_is_refused_before_anything(folder: Path, word: str, answer: str):
    done = _make(folder, "run", word)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.endswith(f"*** Refused: {answer}They are {VARIABLES}.  Stop.")


def test_variables_of_the_environment_are_not_looked_at(folder: Path):
    known = ["GAUNTLET_HOME=x", "DATABASE_URL=y", "PORT=3001", "SYMBOL=AAPL, BRK B"]
    done = _make(folder, "-n", "run", *known, SORCE="sample")
    assert done.returncode == 0, done.stderr
    command = "-m pipelines.cli.main_job --port '3001' --symbol \"$SYMBOL\""
    assert command in done.stdout


@pytest.mark.parametrize(
    ("word", "answer"),
    [
        ("SOURCE=bloomberg", "GAUNTLET_SOURCE=bloomberg is unknown: use one of "),
        ("GAUNTLET_UNIVERS=x.csv", "GAUNTLET_UNIVERS is not a setting. Did you mean 'GAUNTLET_UN"),
        ("SYMBOL=AAPL, BRK C", "'BRK C' is not among the 3 symbols of the universe. Did you mean"),
    ],
)
def test_wrong_settings_are_refused_in_one_line_with_code_2(folder: Path, word: str, answer: str):
    done = _make(folder, "run", word)
    assert done.returncode == 2
    line, make = done.stderr.splitlines()
    assert line.startswith(f"Refused: {answer}")
    assert make.startswith("make: *** [Makefile:")
    assert make.endswith(": run] Error 2")
    assert not (folder / ".data").exists()


def test_the_ui_refuses_a_taken_port_before_it_starts(folder: Path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = _make(folder, "ui", f"PORT={port}")
    assert (done.returncode, done.stdout) == (2, "")
    line = done.stderr.splitlines()[0]
    start = f"Refused: port {port} is in use, perhaps by another Dagster UI: make ui PORT="
    assert line.startswith(start)
    assert 1 <= int(line.removeprefix(start)) - port <= 20
    assert not (folder / ".data").exists()
    words = _make(folder, "ui", "PORT=http").stderr.splitlines()[0]
    assert words == "Refused: PORT=http is not a port: write a number such as PORT=3001."
