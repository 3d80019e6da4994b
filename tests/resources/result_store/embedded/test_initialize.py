"""A start that dies at any moment breaks nothing; what holds rows is never deleted."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from resources.result_store.connection import create_engine_for
from resources.result_store.embedded import data_folder, start_embedded
from resources.result_store.errors import EmbeddedPostgresError
from tests.postgres import stop_server
from tests.resources.result_store.embedded.processes import require_usable, using

MOMENTS = ["PG_VERSION", "global/pg_control", "base/5/PG_VERSION"]
"""Files that initdb creates early to late."""


def _wait_for(home: Path, name: str, process: subprocess.Popen[str]) -> None:
    while not any(home.glob(f"postgres*/{name}")):
        assert process.poll() is None
        time.sleep(0.001)


def _kill(process: psutil.Process, *, initdb: bool) -> None:
    """Kill a process, alone or as a container's end kills it: with all that it started."""
    started = process.children(recursive=True) if initdb else []
    for one in (process, *started):
        one.kill()
    psutil.wait_procs(started, timeout=120)


@pytest.mark.parametrize("name", MOMENTS)
def test_a_first_start_that_was_killed_is_repeated(home: Path, name: str) -> None:
    with using(home) as first:
        _wait_for(home, name, first)
        _kill(psutil.Process(first.pid), initdb=True)
    assert _change(home) == []
    assert [path.name for path in home.iterdir() if path.is_dir()] == ["postgres"]


def test_an_initdb_that_goes_on_alone_does_no_harm(home: Path) -> None:
    with using(home) as first:
        _wait_for(home, "PG_VERSION", first)
        _kill(psutil.Process(first.pid), initdb=False)
    assert _change(home) == []


def _change(home: Path, *statements: str) -> list[str]:
    """Run statements on the server under `home`, stop it, and return the tables that exist."""
    engine = create_engine_for(start_embedded(home))
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
        query = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        tables = list(connection.exec_driver_sql(query).scalars())
    engine.dispose()
    stop_server(home)
    return tables


def _trust_everyone(home: Path) -> Path:
    """Make a folder what earlier versions made, by initdb in place; return its file of access."""
    access = data_folder(home) / "pg_hba.conf"
    access.write_text("local   all             all                                     trust\n")
    return access


def test_a_broken_folder_without_rows_is_made_again(old_home: Path) -> None:
    _trust_everyone(old_home)
    (data_folder(old_home) / "global/pg_control").unlink()
    assert _change(old_home) == []


@pytest.mark.parametrize("name", ["PG_VERSION", "global/pg_control"])
def test_a_damaged_folder_with_rows_is_named_and_kept(old_home: Path, name: str) -> None:
    _change(old_home, "CREATE TABLE kept (number int)")
    file = data_folder(old_home) / name
    away = file.rename(old_home / "away")
    before = sorted(data_folder(old_home).rglob("*"))
    with pytest.raises(EmbeddedPostgresError) as failure:
        start_embedded(old_home)
    data = data_folder(old_home)
    assert str(failure.value) == (
        f"The embedded PostgreSQL in {data} is damaged: {name} is missing, but there are tables. "
        "Nothing was deleted. docs/operations.md says how to restore a backup; its log is "
        f"{data / 'log'}."
    )
    assert sorted(data_folder(old_home).rglob("*")) == before
    away.rename(file)
    assert _change(old_home) == ["kept"]


def test_files_of_others_are_not_deleted(home: Path) -> None:
    data_folder(home).mkdir()
    notes = data_folder(home) / "notes.txt"
    notes.touch()
    with pytest.raises(EmbeddedPostgresError, match=r"other files are there, such as notes\.txt"):
        start_embedded(home)
    assert notes.exists()


def test_an_existing_folder_is_tightened_and_keeps_its_rows(old_home: Path) -> None:
    _change(old_home, "CREATE TABLE kept (number int)")
    access = _trust_everyone(old_home)
    assert _change(old_home) == ["kept"]
    assert "trust" not in access.read_text()


def test_text_is_ordered_by_its_bytes(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "en_US.UTF-8")
    engine = create_engine_for(start_embedded(home))
    with engine.connect() as connection:
        query = "SELECT s, upper(s) FROM (VALUES ('b'), ('a'), ('B'), ('é')) v (s) ORDER BY s"
        rows = connection.exec_driver_sql(query).fetchall()
    assert [tuple(row) for row in rows] == [("B", "B"), ("a", "A"), ("b", "B"), ("é", "É")]
    engine.dispose()
    stop_server(home)


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """Lend a disk that is too small for a database."""
    folder = Path(tempfile.mkdtemp(prefix="gauntlet-small-disk-"))
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        shutil.rmtree(folder)
        pytest.skip("a small disk can be mounted by root only")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
        shutil.rmtree(folder)


def test_a_full_disk_is_named_and_leaves_nothing(small_disk: Path) -> None:
    with pytest.raises(EmbeddedPostgresError) as failure:
        start_embedded(small_disk)
    text = str(failure.value)
    assert f"in {data_folder(small_disk)} can't be created: could not " in text
    assert "No space left on device" in text
    assert "\n" not in text
    assert [path.name for path in small_disk.iterdir() if path.is_dir()] == []
    subprocess.run(["mount", "-o", "remount,size=128m", str(small_disk)], check=True)
    require_usable(small_disk)
