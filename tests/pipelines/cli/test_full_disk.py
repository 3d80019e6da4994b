"""`make run` on a disk that is full: one line, and the next run after some space was freed."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.pipelines.cli.command import lay_out, materialized, run_main_job

SYMBOLS = ["AAPL", "MSFT"]


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Callable[[Path, str], None]]:
    """Lend a function that makes a folder a disk of a size."""
    mounted: list[Path] = []

    def mount_disk(folder: Path, options: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        if os.geteuid() != 0 or subprocess.run(command, check=False).returncode:
            pytest.skip("a small disk can be mounted by root only")
        mounted.append(folder)

    yield mount_disk
    for folder in mounted:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_is_one_line_and_the_next_run_works(
    tmp_path: Path, database: str, mount: Callable[[Path, str], None]
):
    # Enough for prices and some results, not for the history of the run.
    mount(tmp_path, "size=2m")
    lay_out(tmp_path, SYMBOLS)
    full = run_main_job(tmp_path, database)
    assert full.returncode == 1, full.stdout + full.stderr
    (line,) = full.stderr.splitlines()
    assert line.startswith("Failed: ")
    assert "Free some space, then run it again. (log: " in line
    assert "sqlalche.me" not in line
    subprocess.run(["mount", "-o", "remount,size=64m", str(tmp_path)], check=True)
    # Not even that it failed could be written: the run counted as in progress.
    again = run_main_job(tmp_path, database)
    assert again.returncode == 0, again.stdout + again.stderr
    assert again.stderr == ""
    assert "1 earlier run has no process any more, and so ended: " in again.stdout
    assert materialized(tmp_path, "backtest_summaries") == set(SYMBOLS)


def test_a_log_that_can_not_be_written_does_not_stop_a_run(
    tmp_path: Path, database: str, mount: Callable[[Path, str], None]
):
    lay_out(tmp_path, SYMBOLS)
    mount(tmp_path / ".data" / "logs", "size=4k")
    done = run_main_job(tmp_path, database, "--symbol", "AAPL")
    assert done.returncode == 0, done.stdout + done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"The log {tmp_path}/.data/logs/main-job-")
    assert line.endswith(".log is incomplete: No space left on device.")
    assert "\nLeaderboard\n" in done.stdout
