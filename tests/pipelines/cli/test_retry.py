"""`make retry` in real processes: exactly what failed or is missing is run."""

import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from pipelines.partitions import select_partition_tags
from strategies.registry import registered_strategies
from tests.pipelines.cli.command import SYMBOLS, environment, history, lay_out, run_main_job
from tests.project import write_good, write_impossible

FIRST, SECOND = SYMBOLS[1], SYMBOLS[4]
"""Not neighbours: no run over a range is of both, and of no other."""


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """Return the settings of a project whose symbols have good files."""
    lay_out(tmp_path, SYMBOLS)
    (tmp_path / "csv").mkdir()
    for symbol in SYMBOLS:
        write_good(tmp_path / "csv" / f"{symbol}.csv")
    return {
        "GAUNTLET_SOURCE": "files",
        "GAUNTLET_PRICES": str(tmp_path / "csv"),
        "GAUNTLET_START": "2022-06-01",
        "GAUNTLET_END": "2022-12-30",
        "GAUNTLET_LIMIT_SUCCESS_RATE": "0.5",
    }


def _retry(
    folder: Path, database: str | None, **variables: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pipelines.cli.retry"],
        cwd=folder,
        env=environment(database, **variables),
        capture_output=True,
        text=True,
        check=False,
    )


def _partitions_of_runs(folder: Path) -> list[str]:
    """Return the partitions of each run, newest first."""
    with history(folder) as instance:
        return [
            " to ".join(select_partition_tags(run.tags).values()) for run in instance.get_runs()
        ]


def test_exactly_what_failed_is_run_until_it_succeeds(
    tmp_path: Path, database: str, files: dict[str, str]
):
    for symbol in (FIRST, SECOND):
        write_impossible(tmp_path / "csv" / f"{symbol}.csv")
    assert run_main_job(tmp_path, database, **files).returncode == 0
    write_good(tmp_path / "csv" / f"{FIRST}.csv")

    done = _retry(tmp_path, database, **files)
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stdout.splitlines()[0] == (
        f"2 symbols failed or are missing, source files, 2 runs: {FIRST}, {SECOND}"
    )
    assert f"Run 2 of 2: {SECOND}\n" in done.stdout
    assert f"prices: {SECOND}: bad bar on 2022-12-30: high is below low" in done.stdout
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"Failed: {SECOND}: prices: BadBarsError: {SECOND}: bad bar on 2022-12")
    assert "Leaderboard" in done.stdout, "of the run that succeeded"
    assert f" {len(SYMBOLS) - 1} " in done.stdout
    whole = f"{SYMBOLS[0]} to {SYMBOLS[-1]}"
    assert _partitions_of_runs(tmp_path) == [SECOND, FIRST, whole]

    write_good(tmp_path / "csv" / f"{SECOND}.csv")
    done = _retry(tmp_path, database, **files)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == (
        f"1 symbol failed or is missing, source files, 1 run: {SECOND}"
    )
    done = _retry(tmp_path, database, **files)
    assert (done.returncode, done.stdout) == (0, "Nothing failed, and nothing is missing.\n")
    assert _partitions_of_runs(tmp_path) == [SECOND, SECOND, FIRST, whole]


def test_only_assets_that_are_missing_are_run(tmp_path: Path, database: str):
    lay_out(tmp_path, SYMBOLS[:2])
    assert _retry(tmp_path, database).returncode == 0, "everything is missing at first"
    name = next(iter(registered_strategies()))
    with history(tmp_path) as instance:
        instance.wipe_assets([dg.AssetKey(["backtests", name])])
    done = _retry(tmp_path, database)
    assert done.returncode == 0, done.stdout + done.stderr
    with history(tmp_path) as instance:
        newest, _ = instance.get_runs()
    assert {key.to_user_string() for key in newest.asset_selection or ()} == {
        f"backtests/{name}",
        "backtest_summaries",
        "leaderboard",
    }


def test_invalid_settings_are_refused(tmp_path: Path):
    lay_out(tmp_path, SYMBOLS)
    done = _retry(tmp_path, None, GAUNTLET_SOURCE="bloomberg")
    assert done.returncode == 2
    assert done.stderr.startswith("Refused: GAUNTLET_SOURCE=bloomberg is unknown")
