"""The embedded server starts once for all users, stops with the last one, and reports errors."""

import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from resources.result_store.embedded import data_folder, start_embedded
from resources.result_store.errors import EmbeddedPostgresError
from tests.postgres import stop_server
from tests.resources.result_store.embedded.processes import (
    postmaster,
    require_usable,
    says,
    using,
)


def test_processes_share_one_server_and_the_last_stops_it(home: Path) -> None:
    deep = home / "not" / "there" / "yet"
    with using(deep) as one, using(deep) as other:
        assert [says(one), says(other)] == ["used", "used"]
        server = psutil.Process(postmaster(deep))
        assert one.communicate("") == ("", "")
        assert server.is_running()
        assert (data_folder(deep) / "postmaster.pid").exists()
        assert other.communicate("") == ("", "")
    assert (one.returncode, other.returncode) == (0, 0)
    assert not (data_folder(deep) / "postmaster.pid").exists()


def test_threads_share_one_server(home: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        urls = set(pool.map(start_embedded, [home] * 4))
    assert len(urls) == 1
    stop_server(home)


def test_a_relative_path_is_the_same_server(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home.parent)
    assert data_folder(Path(home.name)) == data_folder(home)
    assert data_folder(home).is_absolute()


def test_a_server_that_was_killed_is_started_again(home: Path) -> None:
    start_embedded(home)
    server = psutil.Process(postmaster(home))
    server.kill()
    psutil.wait_procs([server], timeout=10)
    require_usable(home)


@contextmanager
def _process(kind: str, owner: int) -> Iterator[int]:
    """Lend a process of the server's user: one that runs, or one that nobody waited for."""
    command = ["sleep", "600"] if kind == "running" else ["true"]
    user = owner if os.geteuid() == 0 else None
    with subprocess.Popen(command, user=user) as process:
        if kind == "zombie":
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        yield process.pid
        process.kill()


@pytest.mark.parametrize("kind", ["running", "zombie"])
def test_files_of_a_dead_server_with_a_reused_process_id(home: Path, kind: str) -> None:
    start_embedded(home)
    stop_server(home)
    data = data_folder(home)
    with _process(kind, data.stat().st_uid) as reused:
        lines = [reused, data, 1, 5432, data, "", "1 1", "ready", ""]
        (data / "postmaster.pid").write_text("\n".join(map(str, lines)))
        (data / ".s.PGSQL.5432.lock").write_text("\n".join(map(str, lines)))
        (data / ".s.PGSQL.5432").touch()
        require_usable(home)


def test_a_server_whose_only_user_was_killed_stops(home: Path) -> None:
    with using(home) as killed:
        assert says(killed) == "used"
        server = psutil.Process(postmaster(home))
        killed.kill()
    assert psutil.wait_procs([server], timeout=60)[1] == []
    assert not (data_folder(home) / "postmaster.pid").exists()


def test_a_killed_user_does_not_keep_the_server_running(home: Path) -> None:
    with using(home) as killed, using(home) as last:
        assert (says(killed), says(last)) == ("used", "used")
        server = psutil.Process(postmaster(home))
        killed.kill()
        killed.wait()
        assert server.is_running()
        assert last.communicate("") == ("", "")
    assert not (data_folder(home) / "postmaster.pid").exists()


def test_without_its_keeper_the_last_user_stops_the_server(home: Path) -> None:
    with using(home) as last:
        assert says(last) == "used"
        keeper = psutil.Process(postmaster(home)).parent()
        assert keeper is not None
        keeper.kill()
        assert last.communicate("") == ("", "")
    assert not (data_folder(home) / "postmaster.pid").exists()


_MISLEADING = {
    "LC_ALL": "xx_XX.UTF-8",
    "LANG": "xx_XX.UTF-8",
    "PGCLIENTENCODING": "nothing",
    "PGDATA": "/nowhere",
    "PGDATABASE": "nothing",
    "PGHOST": "/nowhere",
    "PGHOSTADDR": "192.0.2.1",
    "PGOPTIONS": "-c no_such_setting=1",
    "PGPORT": "1",
    "PGSERVICE": "nothing",
    "PGSSLMODE": "verify-full",
    "PGTZ": "Nowhere/Nothing",
    "PGUSER": "nobody",
}


def test_variables_of_the_environment_change_nothing(home: Path) -> None:
    with using(home, _MISLEADING) as process:
        assert process.communicate("") == ("used\n", "")


def test_a_failed_start_has_its_reason_in_one_line(home: Path) -> None:
    start_embedded(home)
    stop_server(home)
    (data_folder(home) / "postgresql.conf").write_text("no_such_setting = on\n")
    with pytest.raises(EmbeddedPostgresError) as failure:
        start_embedded(home)
    text = str(failure.value)
    assert text.startswith(f"The embedded PostgreSQL in {data_folder(home)} did not start: ")
    settings = data_folder(home) / "postgresql.conf"
    assert f'did not start: configuration file "{settings}" contains errors. Its log is ' in text
    assert text.endswith("Set DATABASE_URL to use another PostgreSQL.")
    assert "\n" not in text


def test_a_failed_start_can_be_retried(home: Path) -> None:
    start_embedded(home)
    stop_server(home)
    settings = data_folder(home) / "postgresql.conf"
    good = settings.read_text()
    settings.write_text("no_such_setting = on\n")
    with pytest.raises(EmbeddedPostgresError):
        start_embedded(home)
    settings.write_text(good)
    require_usable(home)


def test_a_file_in_place_of_the_folder_is_an_error(home: Path) -> None:
    (home / "postgres").touch()
    with pytest.raises(EmbeddedPostgresError, match="did not start"):
        start_embedded(home)
