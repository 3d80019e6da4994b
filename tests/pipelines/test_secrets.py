"""No password is in the output and files of a run: they are searched for a planted one."""

import functools
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from resources.result_store.connection import parse_url
from tests.project import END, START, write_good, write_impossible

ROOT = Path(__file__).resolve().parents[2]
SECRET = "sesame0pen"  # noqa: S105 - planted
SYMBOLS = (*(f"S{number:02}" for number in range(14)), "BAD", "GONE")


class _Silent(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Log nothing."""


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
        yield f"http://me:{SECRET}@127.0.0.1:{server.server_address[1]}/prices"
        server.shutdown()


def test_a_run_leaks_no_password(tmp_path: Path, database: str, prices: str):
    (tmp_path / "universe.csv").write_text("\n".join(["symbol", *SYMBOLS]) + "\n")
    (tmp_path / "dagster.yaml").write_text((ROOT / "dagster.yaml").read_text())
    with_password = parse_url(database).set(password=SECRET)
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
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "prices: BAD:" in done.stdout
    assert "GONE: no file; http://***@127.0.0.1" in done.stdout
    assert SECRET not in done.stdout + done.stderr
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.name == "index.db" for path in left), "the event log is searched as well"
    leaking = [str(path) for path in left if SECRET.encode() in path.read_bytes()]
    assert not leaking
    pickled = [str(path) for path in left if path.read_bytes()[:2] in (b"\x80\x04", b"\x80\x05")]
    assert not pickled
