"""The processes of the compose file, started by their own commands on this machine.

Each command is the file's, with loopback, free ports and folders of a test in place of the
container's; the databases are real.
"""

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil
import yaml

from tests.pipelines.webserver import READY_WITHIN, Webserver

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((DEPLOY / "docker-compose.yaml").read_text())[
    "services"
]
_STOPPED_WITHIN = 20.0
_LOADED = """
    { workspaceOrError { ... on Workspace { locationEntries { locationOrLoadError {
        __typename } } } }
      instance { daemonHealth { allDaemonStatuses { healthy } } } }
"""


@contextmanager
def running_stack(folder: Path, history: str, results: str) -> Iterator[dict[str, Webserver]]:
    """Lend `webserver` and `viewer`, with a code server and a daemon behind them.

    `history` and `results` are the URLs of Dagster's database and the result store.
    """
    ports = {name: _free_port() for name in ("code-server", "webserver", "viewer")}
    (folder / "dagster.yaml").write_text((DEPLOY / "dagster.yaml").read_text())
    workspace = yaml.safe_load((DEPLOY / "workspace.yaml").read_text())
    server = workspace["load_from"][0]["grpc_server"]
    server |= {"host": "127.0.0.1", "port": ports["code-server"]}
    (folder / "workspace.yaml").write_text(yaml.safe_dump(workspace))
    (folder / "universe.csv").write_text("symbol\nAAPL\nMSFT\n")
    environment = _environment(folder, history)
    subprocess.run(
        _command("migrate", folder, None),
        env=environment,
        cwd=folder,
        check=True,
        capture_output=True,
    )
    with ExitStack() as stack:
        for name in ("code-server", "daemon", "webserver", "viewer"):
            # Only the code server and its runs have access to the result store.
            given = {"DATABASE_URL": results} if name == "code-server" else {}
            stack.enter_context(_process(name, folder, ports.get(name), environment | given))
        shown = {name: _shown(folder, name, ports[name]) for name in ("webserver", "viewer")}
        for webserver in shown.values():
            _wait_until_loaded(webserver)
        yield shown


def _shown(folder: Path, name: str, port: int) -> Webserver:
    return Webserver(f"http://127.0.0.1:{port}", folder / name)


def _environment(folder: Path, history: str) -> dict[str, str]:
    ours = ("GAUNTLET_", "DAGSTER_", "DATABASE_URL")
    inherited = {name: text for name, text in os.environ.items() if not name.startswith(ours)}
    return inherited | {
        "DAGSTER_HOME": str(folder),
        "DAGSTER_DATABASE_URL": history,
        "DAGSTER_COMPUTE_LOGS": str(folder / "data/compute_logs"),
        "DAGSTER_ARTIFACTS": str(folder / "data/artifacts"),
        "GAUNTLET_HOME": str(folder / "data"),
        "GAUNTLET_UNIVERSE": str(folder / "universe.csv"),
        "GAUNTLET_START": "2023-01-01",
        "GAUNTLET_END": "2023-12-31",
    }


def _command(name: str, folder: Path, port: int | None) -> list[str]:
    """Return a service's command, with paths, ports and addresses of this machine."""
    told = SERVICES[name].get("command") or _started_by_image()
    placed = {
        "0.0.0.0": "127.0.0.1",  # noqa: S104 - what the container binds to, and this does not
        "/opt/dagster/workspace.yaml": str(folder / "workspace.yaml"),
    }
    words = [placed.get(word, word) for word in told]
    if port is not None:
        words[words.index("-p") + 1] = str(port)
    return [str(Path(sys.executable).parent / words[0]), *words[1:]]


def _started_by_image() -> Sequence[str]:
    (command,) = re.findall(r"^CMD (\[.*\])$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    return json.loads(command)


@contextmanager
def _process(
    name: str, folder: Path, port: int | None, environment: Mapping[str, str]
) -> Iterator[None]:
    (folder / name).mkdir()
    with (folder / name / "dagster-dev.log").open("w") as log:
        process = subprocess.Popen(
            _command(name, folder, port), cwd=folder, env=environment, stdout=log, stderr=log
        )
    try:
        yield
    finally:
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(True)]
        process.terminate()
        for left in psutil.wait_procs(family, timeout=_STOPPED_WITHIN)[1]:
            left.kill()
        process.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def _wait_until_loaded(webserver: Webserver) -> None:
    def look() -> str:
        try:
            loaded = webserver.query(_LOADED)
        except OSError as error:
            return str(error)
        entries = loaded["workspaceOrError"]["locationEntries"]
        kinds = {(entry["locationOrLoadError"] or {}).get("__typename") for entry in entries}
        daemons = loaded["instance"]["daemonHealth"]["allDaemonStatuses"]
        if kinds != {"RepositoryLocation"}:
            return f"locations: {kinds}"
        return "ready" if all(daemon["healthy"] for daemon in daemons) else "daemons not healthy"

    webserver.wait_until("the location is loaded", look, "ready".__eq__, READY_WITHIN)
