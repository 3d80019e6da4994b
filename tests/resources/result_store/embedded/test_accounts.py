"""Root runs the server as another user, takes nothing from anyone and opens no folder."""

import importlib
import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from resources.result_store.embedded import data_folder, programs
from tests.resources.result_store.embedded.processes import (
    STRANGER,
    as_root,
    require_usable,
    using,
)

pytestmark = as_root

_CREATE = """
import sys
from resources.result_store.embedded.accounts import create_account
print(create_account(sys.argv[1]).uid)
"""


def _modes(folder: Path) -> dict[Path, int]:
    return {place: place.stat().st_mode for place in (folder, *folder.parents)}


def test_private_folders_above_stay_private(home: Path) -> None:
    inner = home / "inner"
    inner.mkdir(mode=0o700)
    before = _modes(inner) | _modes(programs.find_programs())
    require_usable(inner)
    assert _modes(inner) | _modes(programs.find_programs()) == before
    assert before[home] & 0o777 == 0o700


def test_programs_in_a_private_folder_are_copied(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private = home / "private"
    private.mkdir(mode=0o700)
    wheel = programs.find_programs().parents[1]
    for folder in (wheel, wheel.with_name(f"{wheel.name}.libs")):
        (private / folder.name).symlink_to(folder)
    monkeypatch.syspath_prepend(str(private))
    importlib.invalidate_caches()
    home.chmod(0o755)
    monkeypatch.setattr(programs, "_COPIES", home / "cache")
    assert private in programs.find_programs().parents
    require_usable(home)
    assert private.stat().st_mode & 0o777 == 0o700
    (copy,) = (home / "cache").rglob("bin")
    assert sorted(path.name for path in copy.iterdir()) == ["initdb", "postgres"]


def test_a_run_as_root_leaves_a_user_their_folder(home: Path) -> None:
    owner = pwd.getpwnam(STRANGER)
    home.chmod(0o755)
    project = home / "project"
    project.mkdir()
    os.chown(project, owner.pw_uid, owner.pw_gid)
    require_usable(project / "data")
    made = [project / "data", *(project / "data").rglob("*")]
    assert {path.lstat().st_uid for path in made} == {owner.pw_uid}
    with using(project / "data", as_stranger=True) as process:
        assert process.communicate("") == ("used\n", "")
    require_usable(project / "data")


def test_data_of_a_user_without_a_name_stays_that_users(home: Path) -> None:
    number = next(uid for uid in range(2500, 4000) if not _has_name(uid))
    os.chown(home, number, number)
    try:
        require_usable(home)
        assert data_folder(home).stat().st_uid == number
    finally:
        subprocess.run(["userdel", f"pgserver{number}"], check=True, capture_output=True)


def _has_name(uid: int) -> bool:
    try:
        return bool(pwd.getpwuid(uid))
    except KeyError:
        return False


def test_data_of_another_user_is_refused_before_a_change(old_home: Path) -> None:
    home = old_home
    home.chmod(0o777)
    before = sorted(home.rglob("*"))
    with using(home, as_stranger=True) as process:
        said = process.communicate("")[1]
    assert f"in {data_folder(home)} belongs to pgserver, not to {STRANGER}: run this as" in said
    assert sorted(home.rglob("*")) == before


def test_a_copy_by_root_is_given_to_the_server(home: Path, template: Path) -> None:
    shutil.copytree(template, data_folder(home))
    assert data_folder(home).stat().st_uid == 0
    require_usable(home)


@pytest.fixture
def new_user() -> Iterator[str]:
    """Lend the name of a user that does not exist."""
    name = f"gauntlet-{os.getpid()}"
    yield name
    subprocess.run(["userdel", name], check=True, capture_output=True)


def test_several_processes_create_one_user_without_sbin(new_user: str) -> None:
    environment = os.environ | {"PATH": "/usr/bin:/bin"}
    command = [sys.executable, "-c", _CREATE, new_user]
    processes = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        for _ in range(4)
    ]
    numbers = {process.communicate()[0].strip() for process in processes}
    assert numbers == {str(pwd.getpwnam(new_user).pw_uid)}
