"""`make calibrate` as it is typed: the page, the help, and what is refused."""

import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.cli.calibrate import main
from research.calibration.cases import list_cases

ROOT = Path(__file__).resolve().parents[3]


def test_one_universe_of_each_market_gives_a_page(tmp_path: Path):
    page = tmp_path / "calibration.md"
    command = [sys.executable, "-m", "pipelines.cli.calibrate", "--processes", "1"]
    command += ["--universes", "1", "--page", str(page)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    text = page.read_text()
    cases = list_cases()
    assert len(cases) == 20
    for case in cases:
        rows = [one for one in text.splitlines() if one.startswith(f"| {case.name} | ")]
        assert len(rows) == 4, "two tables, two correlations"
        assert all("nan" not in one for one in rows)
    assert "\nA row is 1 universes, seed 2. " in text
    assert f"Written to {page}" in done.stdout.replace("\n", "")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["--universes", "0"], "--universes: '0'; allowed: whole numbers from 1"),
        (["--processes", "two"], "--processes: 'two'; allowed: whole numbers from 1"),
        (["--page", "/nowhere/page.md"], "'/nowhere/page.md'; allowed: a file in a folder"),
        (["--page", "."], "--page: '.'; allowed: a file in a folder that exists"),
    ],
)
def test_what_cannot_be_drawn_is_refused_at_once(
    given: list[str], told: str, capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(SystemExit):
        main(given)
    assert told in capsys.readouterr().err


def test_the_help_says_what_it_does_and_how_long(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as left:
        main(["--help"])
    assert left.value.code == 0
    shown = " ".join(capsys.readouterr().out.split())
    for text in (
        "make calibrate",
        "--universes",
        "an hour of processor time",
        "docs/calibration.md",
    ):
        assert text in shown
