"""Processes that use an embedded server, as this user or as another."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from resources.result_store.connection import check_reachable, create_engine_for
from resources.result_store.embedded import data_folder, start_embedded
from tests.postgres import stop_server

_USE_UNTIL_TOLD = """
import os
import sys
from pathlib import Path
from resources.result_store.connection import check_reachable, create_engine_for
from resources.result_store.embedded import start_embedded
given = dict(os.environ)
engine = create_engine_for(start_embedded(Path(sys.argv[1])))
check_reachable(engine)
assert dict(os.environ) == given
print("used", flush=True)
sys.stdin.read()
engine.dispose()
"""

STRANGER = "nobody"
"""A user of every system; who is neither root nor the server's user."""

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be several users")

# This Python may be in a folder of root's: reading everything is all that the user gets.
_AS_STRANGER = ["setpriv", f"--reuid={STRANGER}", "--regid=65534", "--clear-groups"]
_AS_STRANGER += ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]


@contextmanager
def using(
    home: Path, environment: Mapping[str, str] | None = None, *, as_stranger: bool = False
) -> Iterator[subprocess.Popen[str]]:
    """Start a process that uses the server under `home` until its input is closed."""
    command = [sys.executable, "-W", "error", "-c", _USE_UNTIL_TOLD, str(home)]
    with subprocess.Popen(
        [*(_AS_STRANGER if as_stranger else []), *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **(environment or {})},
    ) as process:
        yield process


def says(process: subprocess.Popen[str]) -> str:
    """Return the next line of a process, without waiting for its end."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def require_usable(home: Path) -> None:
    """Require that the server under `home` starts, can be used, and stops."""
    engine = create_engine_for(start_embedded(home))
    check_reachable(engine)
    engine.dispose()
    stop_server(home)
    assert not (data_folder(home) / "postmaster.pid").exists()


def postmaster(home: Path) -> int:
    """Return the process of the server under `home`."""
    return int((data_folder(home) / "postmaster.pid").read_text().split()[0])
