"""The embedded server starts once for all users, stops with the last one, and reports errors."""

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from resources.result_store.connection import check_reachable, create_engine_for
from resources.result_store.embedded import data_folder, start_embedded
from resources.result_store.errors import EmbeddedPostgresError
from tests.postgres import stop_server

_USE_UNTIL_TOLD = """
import sys
from pathlib import Path
from resources.result_store.connection import check_reachable, create_engine_for
from resources.result_store.embedded import start_embedded
engine = create_engine_for(start_embedded(Path(sys.argv[1])))
check_reachable(engine)
print("used", flush=True)
sys.stdin.read()
engine.dispose()
"""


@contextmanager
def _user(home: Path) -> Iterator[subprocess.Popen[str]]:
    """Start a process that uses the server under `home` until its input is closed."""
    command = [sys.executable, "-W", "error", "-c", _USE_UNTIL_TOLD, str(home)]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        yield process


def _says(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def _postmaster(home: Path) -> int:
    return int((data_folder(home) / "postmaster.pid").read_text().split()[0])


def test_processes_share_one_server_and_the_last_stops_it(home: Path) -> None:
    deep = home / "not" / "there" / "yet"
    with _user(deep) as one, _user(deep) as other:
        assert [_says(one), _says(other)] == ["used", "used"]
        server = psutil.Process(_postmaster(deep))
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
    postmaster = psutil.Process(_postmaster(home))
    postmaster.kill()
    psutil.wait_procs([postmaster], timeout=10)
    engine = create_engine_for(start_embedded(home))
    check_reachable(engine)
    engine.dispose()
    stop_server(home)


def test_a_process_with_the_id_of_a_dead_server_is_ignored(home: Path) -> None:
    start_embedded(home)
    stop_server(home)
    # A stale file of a crashed server, whose process id now belongs to another process.
    lines = [os.getpid(), data_folder(home), 1, 5432, data_folder(home), "", "1 1", "ready", ""]
    (data_folder(home) / "postmaster.pid").write_text("\n".join(map(str, lines)))
    engine = create_engine_for(start_embedded(home))
    check_reachable(engine)
    engine.dispose()
    stop_server(home)


def test_a_killed_process_does_not_keep_the_server_running(home: Path) -> None:
    with _user(home) as killed:
        assert _says(killed) == "used"
        killed.kill()
    with _user(home) as last:
        assert _says(last) == "used"
        last.communicate("")
    assert not (data_folder(home) / "postmaster.pid").exists()


def test_a_failed_start_has_the_end_of_the_log_in_one_line(home: Path) -> None:
    start_embedded(home)
    stop_server(home)
    (data_folder(home) / "postgresql.conf").write_text("no_such_setting = on\n")
    with pytest.raises(EmbeddedPostgresError) as failure:
        start_embedded(home)
    text = str(failure.value)
    assert text.startswith(f"The embedded PostgreSQL in {data_folder(home)} did not start: ")
    assert f"Its log {data_folder(home) / 'log'} ends with: " in text
    assert "contains errors" in text
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
    engine = create_engine_for(start_embedded(home))
    check_reachable(engine)
    engine.dispose()
    stop_server(home)


def test_a_file_in_place_of_the_folder_is_an_error(home: Path) -> None:
    (home / "postgres").touch()
    with pytest.raises(EmbeddedPostgresError, match="did not start"):
        start_embedded(home)


@pytest.mark.parametrize("name", ["my data", "a,b", "it's"])
def test_a_path_that_the_server_cannot_use_is_refused(home: Path, name: str) -> None:
    with pytest.raises(EmbeddedPostgresError, match="Set GAUNTLET_HOME to another folder"):
        start_embedded(home / name)
    assert not (home / name).exists()


def test_a_path_with_characters_that_urls_escape_is_allowed(home: Path) -> None:
    name = "50%-a+b=ä"
    engine = create_engine_for(start_embedded(home / name))
    check_reachable(engine)
    engine.dispose()
    stop_server(home / name)
