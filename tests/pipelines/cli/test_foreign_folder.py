"""A run as root in the folder of a user is refused before it leaves anything there."""

import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pipelines.cli.command import SYMBOLS, environment, lay_out

OWNER = "nobody"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can run in the folder of another user")
@pytest.mark.parametrize("command", [["main_job"], ["ui_check", "3999"]])
def test_root_is_refused_in_a_users_folder(tmp_path: Path, command: list[str]):
    lay_out(tmp_path, SYMBOLS)
    shutil.chown(tmp_path, OWNER)
    before = sorted(tmp_path.rglob("*"))
    module, *arguments = command
    done = subprocess.run(
        [sys.executable, "-m", f"pipelines.cli.{module}", *arguments],
        cwd=tmp_path,
        env=environment(None, COLUMNS="1000"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == (
        f"Refused: {tmp_path} belongs to {OWNER}, who could not change what root creates there: "
        f"run this as {OWNER}, as in `sudo -u {OWNER} make run`, or set GAUNTLET_HOME to a folder "
        "of root's.\n"
    )
    assert sorted(tmp_path.rglob("*")) == before
    assert tmp_path.stat().st_uid == pwd.getpwnam(OWNER).pw_uid
