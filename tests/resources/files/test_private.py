"""Folders and files of data are for one user, whatever the umask was, and nothing else changes."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from resources.files.atomic_write import write_whole
from resources.files.private import create_private, create_private_file, protect_home, tighten
from tests import instances


def mode(path: Path) -> str:
    return f"{stat.S_IMODE(path.stat().st_mode):04o}"


@pytest.fixture(autouse=True, params=[0o000, 0o022, 0o077], ids=["none", "usual", "strict"])
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def make(path: Path, permissions: int) -> Path:
    path.mkdir(parents=True)
    path.chmod(permissions)
    return path


def test_new_folders_and_their_parents_are_private(tmp_path: Path):
    folder = tmp_path / ".data" / "dagster" / "history"
    create_private(folder)
    assert {mode(one) for one in (folder, *folder.parents[:2])} == {"0700"}
    write_whole(fsspec.filesystem("file"), str(tmp_path / "other/prices/A.parquet"), b"x")
    assert mode(tmp_path / "other") == mode(tmp_path / "other/prices") == "0700"


def test_a_home_and_what_is_written_later_is_private(tmp_path: Path):
    home = tmp_path / "home"
    protect_home(home)
    assert not home.exists()
    home.mkdir()
    (home / "report.csv").write_text("x")
    (home / "reports").mkdir()
    found = [mode(one) for one in (home, home / "report.csv", home / "reports")]
    assert found == ["0700", "0600", "0700"]


def test_an_old_home_is_tightened_and_a_foreign_folder_is_not(tmp_path: Path):
    old = make(tmp_path / ".data", 0o755)
    make(old / "prices", 0o755)
    (old / "universe.csv").touch()
    foreign = make(tmp_path / "project", 0o755)
    make(foreign / "src", 0o755)
    make(foreign / "prices", 0o755)
    sticky = make(tmp_path / "tmp", 0o1777)
    for home in (old, foreign, sticky):
        protect_home(home)
    assert [mode(one) for one in (old, foreign, sticky)] == ["0700", "0755", "1777"]
    assert mode(foreign / "prices") == "0755"
    assert mode(tmp_path) == "0700"  # of pytest


def test_a_folder_of_another_user_is_left_as_it_is(tmp_path: Path):
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    theirs = make(tmp_path / "theirs", 0o755)
    os.chown(theirs, 12345, 12345)
    protect_home(theirs)
    assert mode(theirs) == "0755"


def test_a_folder_that_is_shared_on_purpose_stays_shared(tmp_path: Path):
    shared = make(tmp_path / "shared", 0o2775)
    protect_home(shared)
    create_private(shared / "prices" / "synthetic")
    create_private_file(shared / "runs.db")
    (shared / "log").touch()
    assert mode(shared) == mode(shared / "prices") == mode(shared / "prices/synthetic") == "2770"
    assert mode(shared / "log") == "0660"
    assert mode(shared / "runs.db").startswith("06")
    # Written by the group alone, it is not handed on: not shared on purpose.
    assert mode(shared / "runs.db")[3] == "0"
    plain = make(tmp_path / "plain", 0o775)
    tighten(plain)
    assert mode(plain) == "0700"


def test_dagsters_history_is_private(tmp_path: Path):
    data = make(tmp_path / ".data", 0o755)
    with instances.opened(data / "dagster") as instance:
        storage = instance.event_log_storage
        history = data / "dagster" / "history"
        (history / "runs.db").chmod(0o644)
        with storage.run_connection("some-run"):  # pyright: ignore[reportAttributeAccessIssue]
            found = {mode(path) for path in (history / "runs").iterdir()}
    assert found == {"0600"}
    assert mode(data) == mode(history / "runs") == "0700"
    with instances.opened(data / "dagster"):
        assert mode(history / "runs.db") == "0600"
