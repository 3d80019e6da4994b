"""What `make run` refuses: one line, exit code 2, and nothing is written."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.pipelines.cli.command import SYMBOLS, environment, lay_out, run_main_job


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a project's folder with a small universe."""
    lay_out(tmp_path, SYMBOLS)
    return tmp_path


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"GAUNTLET_SOURCE": "bloomberg"}, "use one of synthetic, sample, files"),
        ({"GAUNTLET_SORCE": "sample"}, "GAUNTLET_SORCE is not a setting. Did you mean 'GAUNTLET_S"),
        ({"GAUNTLET_START": "2024-02-30"}, "GAUNTLET_START=2024-02-30 is not a date"),
        ({"GAUNTLET_END": "2022-01-01"}, "GAUNTLET_START=2023-01-01 is after GAUNTLET_END=2022"),
        ({"GAUNTLET_UNIVERSE": "nowhere.csv"}, "nowhere.csv does not exist"),
        ({"GAUNTLET_UNIVERSE": "workspace.yaml"}, "symbol"),
        ({"GAUNTLET_SOURCE": "files"}, "GAUNTLET_PRICES is not set"),
        ({"GAUNTLET_PRICES": "ftp://me:sesame@h/x"}, "GAUNTLET_SOURCE=files"),
        ({"DATABASE_URL": f"postgresql://me:sesame@{'no-host' * 10}/x"}, "can't be reached"),
        ({"DATABASE_URL": "mysql://me:sesame@127.0.0.1/x"}, "mysql"),
    ],
)
def test_invalid_settings_are_refused_before_any_work(
    folder: Path, variables: dict[str, str], message: str
):
    done = run_main_job(folder, None, **variables)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("Refused: ")
    assert message in line
    assert "sesame" not in done.stdout + done.stderr
    assert not (folder / ".data").exists()


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (
            "strategies:\n  rsi: 2\n  macd: -1\n",
            3,
            "strategies.macd is -1; allowed: numbers above 0.",
        ),
        ("slots: 3\nstrategies: [rsi, mcad]\n", 2, "there is no strategy 'mcad'. Did you mean 'ma"),
        (
            "strategies: rsi\nlimits:\n  min_net: 0.5\n  max_net: 0.2\n",
            3,
            "limits.min_net of 0.5 is above limits.max_net of 0.2: no account is between them.",
        ),
    ],
)
@pytest.mark.parametrize("command", ["main_job", "retry"])
def test_a_bad_portfolio_is_refused_before_any_work(
    folder: Path, command: str, text: str, line: int, message: str
):
    (folder / "portfolios").mkdir()
    (folder / "portfolios/mine.yaml").write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", f"pipelines.cli.{command}"],
        cwd=folder,
        env=environment(None, COLUMNS="400"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    (said,) = done.stderr.splitlines()
    assert said.startswith(f"Refused: {folder}/portfolios/mine.yaml, line {line}: ")
    assert message in said
    assert not list((folder / ".data").rglob("*"))


@pytest.mark.parametrize(
    ("given", "refused"),
    [
        ("TSLX", "'TSLX' is not among the 7 symbols of the universe. Did you mean 'TSLA'?"),
        (
            "AAPL,TSLX, mst",
            (
                "'TSLX', 'mst' are not among the 7 symbols of the universe. Did you mean 'TSLA'? "
                "Did you mean 'MSFT'?"
            ),
        ),
        (" , ", "no symbol is given; allowed: one or more of AAPL, ..."),
    ],
)
def test_unknown_symbols_are_refused_in_one_line(folder: Path, given: str, refused: str):
    done = run_main_job(folder, None, "--symbol", given)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"Refused: {refused}\n"
    assert not (folder / ".data").exists()
