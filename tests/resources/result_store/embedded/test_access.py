"""Only the server's user and root reach it, wherever its socket is."""

import os
import pwd
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from resources.result_store.connection import check_reachable, create_engine_for
from resources.result_store.embedded import data_folder, start_embedded
from resources.result_store.embedded.programs import find_programs
from tests.postgres import stop_server
from tests.resources.result_store.embedded.processes import STRANGER, as_root


def _conninfo(url: sa.URL, user: str = "postgres") -> str:
    return url.set(drivername="postgresql", username=user).render_as_string(hide_password=False)


@pytest.mark.parametrize("name", ["my data", "a,b", "it's", "50%-a+b=ä", f"{'d' * 90}/{'e' * 90}"])
def test_any_path_has_its_socket_in_the_private_folder(
    home: Path, name: str, prepare: Callable[[Path], Path]
) -> None:
    prepare(home / name)
    url = start_embedded(home / name)
    engine = create_engine_for(url)
    check_reachable(engine)
    engine.dispose()
    with psycopg.connect(_conninfo(url)) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    data = data_folder(home / name)
    assert data.stat().st_mode & 0o777 == 0o700
    assert (data / ".s.PGSQL.5432").is_socket()
    host = Path(str(url.query["host"]))
    assert host.resolve() == data
    if host != data:
        assert host.parent.lstat().st_mode & 0o777 == 0o700
        assert host.parent.lstat().st_uid == os.geteuid()
    stop_server(home / name)


@pytest.fixture
def long_home(home: Path, prepare: Callable[[Path], Path]) -> Path:
    """Return a folder that is too long for the path of a socket."""
    return prepare(home / ("d" * 100))


@pytest.mark.parametrize("trap", ["open", "link", "stranger"])
def test_a_folder_that_others_prepared_is_not_used(
    home: Path, long_home: Path, monkeypatch: pytest.MonkeyPatch, trap: str
) -> None:
    if trap == "stranger" and os.geteuid() != 0:
        pytest.skip("only root can make a folder of another user")
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(home))
    prepared = home / f"gauntlet-{os.geteuid()}"
    if trap == "link":
        (home / "target").mkdir(mode=0o700)
        prepared.symlink_to(home / "target")
    else:
        prepared.mkdir(mode=0o700)
        prepared.chmod(0o777 if trap == "open" else 0o700)
    if trap == "stranger":
        os.chown(prepared, pwd.getpwnam(STRANGER).pw_uid, -1)
    host = Path(str(start_embedded(long_home).query["host"]))
    assert host.parent != prepared
    assert host.parent.lstat().st_mode & 0o777 == 0o700
    assert host.readlink() == data_folder(long_home)
    stop_server(long_home)


def _try_psql(url: sa.URL) -> str:
    """Connect as the stranger; return the error, or nothing if that succeeded."""
    found = pwd.getpwnam(STRANGER)
    done = subprocess.run(
        [find_programs() / "psql", _conninfo(url), "-c", "SELECT 1"],
        user=found.pw_uid,
        group=found.pw_gid,
        extra_groups=[],
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stderr


@pytest.fixture
def open_home(home: Path) -> Path:
    """Return a folder that every user may look into."""
    home.chmod(0o755)
    return home


@as_root
def test_another_user_cannot_connect(open_home: Path, prepare: Callable[[Path], Path]) -> None:
    for place in (open_home, open_home / ("d" * 100)):
        prepare(place)
        url = start_embedded(place)
        data = data_folder(place)
        assert "Permission denied" in _try_psql(url)
        # Even if that user got through to the socket, PostgreSQL asks who it is.
        data.chmod(0o711)
        (data / ".s.PGSQL.5432").chmod(0o777)
        direct = url.update_query_dict({"host": str(data)})
        if len(str(data)) < 100:
            assert 'Peer authentication failed for user "postgres"' in _try_psql(direct)
        data.chmod(0o700)
        stop_server(place)


def test_every_role_is_open_to_the_owner(old_home: Path) -> None:
    url = start_embedded(old_home)
    with psycopg.connect(_conninfo(url), autocommit=True) as connection:
        connection.execute("CREATE ROLE dashboard LOGIN")
    with psycopg.connect(_conninfo(url, "dashboard")) as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("dashboard",)
    stop_server(old_home)
