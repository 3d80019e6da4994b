"""No password is in the output and files of a run: they are searched for a planted one."""

import functools
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from resources.result_store.connection import parse_url
from resources.result_store.resource import ResultStore
from tests.project import END, START, Project, write_good, write_impossible

ROOT = Path(__file__).resolve().parents[2]
SECRET = "sesame0pen"  # noqa: S105 - planted
SYMBOLS = (*(f"S{number:02}" for number in range(14)), "BAD", "GONE")


class _Silent(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Log nothing."""


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def prices(tmp_path: Path) -> Iterator[str]:
    """Lend the URL of a web server's folder of prices, with a password in it."""
    folder = tmp_path / "prices"
    folder.mkdir()
    for symbol in SYMBOLS:
        write_good(folder / f"{symbol}.csv")
    write_impossible(folder / "BAD.csv")
    (folder / "GONE.csv").unlink()
    handler = functools.partial(_Silent, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        # The @ is not escaped: what is before it looks like all of the password.
        yield f"http://me:a@{SECRET}@127.0.0.1:{server.server_address[1]}/prices"
        server.shutdown()


def test_a_run_leaks_no_password(tmp_path: Path, database: str, prices: str):
    (tmp_path / "universe.csv").write_text("\n".join(["symbol", *SYMBOLS]) + "\n")
    (tmp_path / "dagster.yaml").write_text((ROOT / "dagster.yaml").read_text())
    options = {"options": f"-c gauntlet.token={SECRET}"}
    with_password = parse_url(database).set(password=SECRET).update_query_dict(options)
    environment = {
        "DAGSTER_HOME": str(tmp_path),
        "DATABASE_URL": with_password.render_as_string(hide_password=False),
        "GAUNTLET_SOURCE": "files",
        "GAUNTLET_PRICES": prices,
        "GAUNTLET_UNIVERSE": str(tmp_path / "universe.csv"),
        "GAUNTLET_START": START.isoformat(),
        "GAUNTLET_END": END.isoformat(),
        "GAUNTLET_HOME": str(tmp_path / "home"),
    }
    done = subprocess.run(
        [sys.executable, "-m", "pipelines.cli.main_job"],
        cwd=tmp_path,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
        umask=0o022,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "prices: BAD:" in done.stdout
    assert "GONE: no file; http://***@127.0.0.1" in done.stdout
    assert SECRET not in done.stdout + done.stderr
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.name == "index.db" for path in left), "the event log is searched as well"
    leaking = [str(path) for path in left if SECRET.encode() in path.read_bytes()]
    assert not leaking
    assert {mode(path) for path in (tmp_path / "home", tmp_path / ".data")} == {0o700}
    history = tmp_path / ".data" / "dagster"
    written = [*history.rglob("*.db"), *(tmp_path / "home" / "logs").iterdir()]
    assert len(written) >= 4
    assert {mode(path) for path in written} == {0o600}
    pickled = [str(path) for path in left if path.read_bytes()[:2] in (b"\x80\x04", b"\x80\x05")]
    assert not pickled


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://ada:pa@{SECRET}@db/x",
        f"postgresql://ada:{SECRET}@db:port/x",
        f"postgresql://ada:{SECRET}@127.0.0.1:1/x?options=-c%20a.b%3D{SECRET}",
        f"host=db password={SECRET}",
    ],
)
def test_no_event_of_a_run_has_the_password_of_a_bad_url(tmp_path: Path, database: str, url: str):
    with Project.opened(tmp_path, database) as project:
        store = ResultStore(database_url=url, home=str(tmp_path), retry_timeout_seconds=0)
        result = project.run(definitions=project.definitions(result_store=store))
        assert not result.success
        assert "DATABASE_URL" in project.why(result)
        assert "check DATABASE_URL" in project.why(result) or "write it" in project.why(result)
        # Causes and tracebacks, too.
        assert SECRET not in str(project.instance.all_logs(result.run_id))
