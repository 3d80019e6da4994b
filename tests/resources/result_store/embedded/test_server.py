"""The embedded server starts once for all users, stops with the last one, and reports errors."""

import os
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import sqlalchemy as sa

from resources.result_store.connection import create_engine_for, parse_url
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


def test_threads_share_one_server(old_home: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        urls = set(pool.map(start_embedded, [old_home] * 4))
    assert len(urls) == 1
    stop_server(old_home)


def test_a_relative_path_is_the_same_server(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home.parent)
    assert data_folder(Path(home.name)) == data_folder(home)
    assert data_folder(home).is_absolute()


def test_a_server_that_was_killed_is_started_again(old_home: Path) -> None:
    start_embedded(old_home)
    server = psutil.Process(postmaster(old_home))
    server.kill()
    psutil.wait_procs([server], timeout=60)
    log = data_folder(old_home) / "log"
    log.write_bytes(b"-" * 10_000_001)
    require_usable(old_home)
    assert log.stat().st_size < 100_000
    assert log.with_name("log.1").stat().st_size == 10_000_001


@contextmanager
def _process(kind: str, owner: int) -> Iterator[int]:
    """Lend a process of the server's user: one that runs, or one that nobody waited for."""
    command = ["sleep", "600"] if kind == "running" else ["true"]
    user = owner if os.geteuid() == 0 else None
    with subprocess.Popen(command, user=user) as process:
        if kind == "zombie":
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        try:
            yield process.pid
        finally:
            process.kill()


@pytest.mark.parametrize("kind", ["running", "zombie"])
def test_files_of_a_dead_server_with_a_reused_process_id(old_home: Path, kind: str) -> None:
    data = data_folder(old_home)
    with _process(kind, data.stat().st_uid) as reused:
        lines = [reused, data, 1, 5432, data, "", "1 1", "ready", ""]
        (data / "postmaster.pid").write_text("\n".join(map(str, lines)))
        (data / ".s.PGSQL.5432.lock").write_text("\n".join(map(str, lines)))
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(data / ".s.PGSQL.5432"))
        require_usable(old_home)


def test_a_server_whose_only_user_was_killed_stops(old_home: Path) -> None:
    with using(old_home) as killed:
        assert says(killed) == "used"
        server = psutil.Process(postmaster(old_home))
        killed.kill()
    assert psutil.wait_procs([server], timeout=60)[1] == []
    assert not (data_folder(old_home) / "postmaster.pid").exists()


def test_a_killed_user_does_not_keep_the_server_running(old_home: Path) -> None:
    with using(old_home) as killed, using(old_home) as last:
        assert (says(killed), says(last)) == ("used", "used")
        server = psutil.Process(postmaster(old_home))
        killed.kill()
        killed.wait()
        assert server.is_running()
        assert last.communicate("") == ("", "")
    assert not (data_folder(old_home) / "postmaster.pid").exists()


def test_without_its_keeper_the_last_user_stops_the_server(old_home: Path) -> None:
    with using(old_home) as last:
        assert says(last) == "used"
        keeper = psutil.Process(postmaster(old_home)).parent()
        assert keeper is not None
        keeper.kill()
        assert last.communicate("") == ("", "")
    assert not (data_folder(old_home) / "postmaster.pid").exists()


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


def test_they_apply_to_a_server_of_the_users_own(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedded = parse_url(server)
    link = tmp_path / "link"
    link.symlink_to(str(embedded.query["host"]))
    monkeypatch.setenv("PGOPTIONS", "-c search_path=mine")
    seen = []
    for url in (embedded, embedded.update_query_dict({"host": str(link)})):
        engine = create_engine_for(url)
        with engine.connect() as connection:
            seen.append(connection.exec_driver_sql("SHOW search_path").scalar())
        engine.dispose()
    assert seen == ['"$user", public', "mine"]


def test_a_failed_start_has_its_reason_in_one_line(old_home: Path) -> None:
    (data_folder(old_home) / "postgresql.conf").write_text("no_such_setting = on\n")
    with pytest.raises(EmbeddedPostgresError) as failure:
        start_embedded(old_home)
    text = str(failure.value)
    assert text.startswith(f"The embedded PostgreSQL in {data_folder(old_home)} did not start: ")
    settings = data_folder(old_home) / "postgresql.conf"
    assert f'did not start: configuration file "{settings}" contains errors. Its log is ' in text
    assert text.endswith("Set DATABASE_URL to use another PostgreSQL.")
    assert "\n" not in text


def test_a_failed_start_can_be_retried(old_home: Path) -> None:
    settings = data_folder(old_home) / "postgresql.conf"
    good = settings.read_text()
    settings.write_text("no_such_setting = on\n")
    with pytest.raises(EmbeddedPostgresError):
        start_embedded(old_home)
    settings.write_text(good)
    require_usable(old_home)


def test_a_file_in_place_of_the_folder_is_an_error(home: Path) -> None:
    (home / "postgres").touch()
    with pytest.raises(EmbeddedPostgresError, match="did not start"):
        start_embedded(home)


def test_the_write_ahead_log_stays_small(old_home: Path) -> None:
    """PostgreSQL's own limit of 1 GB would be as much as the rows of 10,000 symbols."""
    engine = create_engine_for(start_embedded(old_home)).execution_options(
        isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as connection:
        for _ in range(20):  # files of 16 MB
            connection.execute(sa.text("SELECT pg_logical_emit_message(false, 'a', 'b')"))
            connection.execute(sa.text("SELECT pg_switch_wal()"))
        connection.execute(sa.text("CHECKPOINT"))
        left = connection.execute(sa.text("SELECT sum(size) FROM pg_ls_waldir()")).scalar_one()
    engine.dispose()
    stop_server(old_home)
    assert left <= 160_000_000
