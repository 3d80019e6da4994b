"""`make report`: where a report is, and how to have one again, in a real process."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from pipelines.cli.report import UnknownRunError, find_run, has_screen
from tests.project import END, START
from tests.reports.conftest import Reported


def report(reported: Reported, *arguments: str) -> subprocess.CompletedProcess[str]:
    project = reported.project
    kept = {name: text for name, text in os.environ.items() if not name.startswith("GAUNTLET_")}
    given = {
        "DATABASE_URL": str(project.result_store.database_url),
        "GAUNTLET_HOME": str(project.settings.home),
        "GAUNTLET_SOURCE": "files",
        "GAUNTLET_PRICES": str(project.folder / "prices"),
        "GAUNTLET_UNIVERSE": str(project.folder / "universe.csv"),
        "GAUNTLET_START": START.isoformat(),
        "GAUNTLET_END": END.isoformat(),
    }
    return subprocess.run(
        [sys.executable, "-m", "pipelines.cli.report", *arguments],
        env=kept | given,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_report_that_was_removed_is_written_again(reported: Reported):
    run, before = reported.run.run_id, reported.site.files
    folder = reported.root / run
    done = report(reported)
    assert (done.returncode, done.stdout) == (0, f"{folder}/index.html\n"), done.stderr
    shutil.rmtree(folder)
    done = report(reported, "--run", run[:8])
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"{folder}/index.html"
    again = {name: (folder / name).read_bytes() for name in before}
    assert again == before


def test_an_unknown_run_is_refused_with_those_that_there_are(reported: Reported):
    done = report(reported, "--run", "zzz")
    assert (done.returncode, done.stdout) == (2, "")
    said = " ".join(done.stderr.split())
    assert said.startswith("Refused: no run with a leaderboard is 'zzz'; the newest are ")
    assert f"{reported.run.run_id[:8]} of 20" in said


def made(*run_ids: str) -> list[Mapping[str, object]]:
    at = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
    return [{"run_id": one, "made_at": at} for one in run_ids]


def test_runs_are_found_by_the_beginning_of_their_id():
    known = made("abcd", "abef", "xyz")
    assert find_run(known, "") == "abcd"
    assert find_run(known, "abe") == "abef"
    with pytest.raises(UnknownRunError, match=r"2 runs begin with 'ab'; .* abcd of 2026-01-02 03"):
        find_run(known, "ab")
    with pytest.raises(UnknownRunError, match="There is no leaderboard yet"):
        find_run([], "")


@pytest.mark.skipif(sys.platform in {"darwin", "win32"}, reason="has always one")
def test_a_browser_is_opened_only_where_there_is_a_screen():
    assert not has_screen({"TERM": "xterm", "DISPLAY": ""})
    assert has_screen({"DISPLAY": ":0"})
    assert has_screen({"WAYLAND_DISPLAY": "wayland-0"})
