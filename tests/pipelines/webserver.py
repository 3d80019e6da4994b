"""A real Dagster webserver with its daemon, over a small universe in its own folder.

    with running_webserver() as webserver:
        webserver.query("{ version }")
        webserver.url    # for a browser

It has what `make ui` has: the project's own dagster.yaml and workspace.yaml, the embedded
PostgreSQL, the synthetic source; a test may lay out more. The block removes all of it at its end.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import psutil

Seen = TypeVar("Seen")

SYMBOLS = ("AAPL", "MSFT", "GOOGL", "AMZN", "TSLA", "META")

# On two idle cores it is ready in 9 s; a busy machine may take far longer.
READY_WITHIN = 300.0
_STOPPED_WITHIN = 20.0
_BETWEEN_LOOKS = 0.5
_LOG_LINES_SHOWN = 40

_PROJECT = Path(__file__).parents[2]
_LOADED = """
    { workspaceOrError { ... on Workspace { locationEntries { locationOrLoadError {
        __typename ... on PythonError { message } } } } }
      instance { daemonHealth { allDaemonStatuses { healthy } } } }
"""


# As `make ui` starts it.
OURS = ("-m", "pipelines.cli.ui")


def _is_not_ours() -> Any:
    raise NotImplementedError("only one that was started here can be killed and started again")


@dataclass(frozen=True)
class Webserver:
    """A running webserver, queried through GraphQL as the Dagster UI does.

    `folder` is the project's and DAGSTER_HOME.
    """

    url: str
    folder: Path
    kill: Callable[[], None] = _is_not_ours
    """Kill all of its processes at once, as a lost machine does."""
    start: Callable[[], None] = _is_not_ours
    """Start it again, and wait until it is ready."""
    cpu_seconds: Callable[[], float] = _is_not_ours
    """Return the CPU time of its processes, runs that have ended included, PostgreSQL not."""

    @property
    def log(self) -> Path:
        """What webserver, daemon and code server print."""
        return self.folder / "dagster-dev.log"

    def query(self, query: str, **variables: Any) -> dict[str, Any]:
        """Return the data of a GraphQL response; an error in it fails the test."""
        request = urllib.request.Request(  # noqa: S310 - http, to ourselves
            f"{self.url}/graphql",
            data=json.dumps({"query": query, "variables": variables}).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=180) as response:  # noqa: S310
            answer = json.load(response)
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    def wait_until(
        self, what: str, look: Callable[[], Seen], good: Callable[[Seen], bool], within: float
    ) -> Seen:
        """Poll until `good` accepts what `look` returns, and return it; fail after `within` s."""
        deadline = time.monotonic() + within
        while not good(seen := look()):
            if time.monotonic() > deadline:
                raise AssertionError(
                    f"Not within {within:.0f} s: {what}. Last seen: {seen}. The log of webserver "
                    f"and daemon ends with:\n{self.log_tail()}"
                )
            time.sleep(_BETWEEN_LOOKS)
        return seen

    def log_tail(self) -> str:
        """Return the last lines that webserver, daemon and code server printed."""
        text = re.sub(r"\x1b\[\d*m", "", self.log.read_text(errors="replace"))
        return "\n".join(text.splitlines()[-_LOG_LINES_SHOWN:])


@contextmanager
def running_webserver(
    lay_out: Callable[[Path], Mapping[str, str]] = lambda _: {}, command: Sequence[str] = OURS
) -> Iterator[Webserver]:
    """Start the Dagster UI in its own folder, wait until it is ready, and stop it.

    `lay_out` may change the folder, and returns additional environment variables. The port is added
    to the `command` of Python.
    """
    # Not pytest's folder: the user that PostgreSQL runs as for root has no access to it.
    folder = Path(tempfile.mkdtemp(prefix="gauntlet-ui-"))
    try:
        _lay_out(folder)
        environment = {**_environment(folder), **lay_out(folder)}
        with _process(folder, environment, command) as webserver:
            yield webserver
    finally:
        _stop_postgres(folder / ".data" / "postgres" / "postmaster.pid")
        shutil.rmtree(folder, ignore_errors=True)


def _lay_out(folder: Path) -> None:
    for name in ("dagster.yaml", "workspace.yaml"):
        shutil.copy(_PROJECT / name, folder)
    (folder / "universe.csv").write_text("\n".join(["symbol", *SYMBOLS]) + "\n")


@contextmanager
def _process(
    folder: Path, environment: Mapping[str, str], command: Sequence[str]
) -> Iterator[Webserver]:
    port = _free_port()
    running: list[subprocess.Popen[bytes]] = []

    def start() -> None:
        running.append(_start(folder, environment, [*command, str(port)]))
        _wait_until_ready(webserver, running[-1])

    def kill() -> None:
        _signal(running[-1], signal.SIGKILL)
        psutil.wait_procs(_members(running[-1].pid), timeout=_STOPPED_WITHIN)
        running[-1].wait()

    def cpu_seconds() -> float:
        return sum(sum(one.cpu_times()[:4]) for one in _members(running[-1].pid))

    webserver = Webserver(f"http://127.0.0.1:{port}", folder, kill, start, cpu_seconds)
    try:
        start()
        yield webserver
    finally:
        for process in running:
            _stop_group(process)


def _start(
    folder: Path, environment: Mapping[str, str], command: Sequence[str]
) -> subprocess.Popen[bytes]:
    with (folder / "dagster-dev.log").open("a") as log:
        return subprocess.Popen(
            [sys.executable, *command],
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a group of its own, to be stopped as one
        )


def _environment(folder: Path) -> Mapping[str, str]:
    ours = ("GAUNTLET_", "DAGSTER_", "DATABASE_URL")
    inherited = {name: text for name, text in os.environ.items() if not name.startswith(ours)}
    return inherited | {
        "DAGSTER_HOME": str(folder),
        "GAUNTLET_HOME": str(folder / ".data"),
        "GAUNTLET_START": "2023-01-01",
        "GAUNTLET_END": "2023-12-31",
    }


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def _wait_until_ready(webserver: Webserver, process: subprocess.Popen[bytes]) -> None:
    def look() -> str:
        assert process.poll() is None, f"the Dagster UI ended:\n{webserver.log_tail()}"
        try:
            loaded = webserver.query(_LOADED)
        except (urllib.error.URLError, ConnectionError, TimeoutError) as error:
            return str(error)
        entries = loaded["workspaceOrError"]["locationEntries"]
        locations = [entry["locationOrLoadError"] for entry in entries]
        errors = [
            location["message"] for location in locations if location and "message" in location
        ]
        assert not errors, f"The code location does not load: {errors[0]}"
        daemons = loaded["instance"]["daemonHealth"]["allDaemonStatuses"]
        if not locations or None in locations:
            return "no code location yet"
        return "ready" if all(daemon["healthy"] for daemon in daemons) else "daemons not healthy"

    webserver.wait_until(
        "webserver, code location and daemon are ready", look, "ready".__eq__, READY_WITHIN
    )


def _stop_group(process: subprocess.Popen[bytes]) -> None:
    """Stop the Dagster UI and its children: code servers outlive their parent by 45 s."""
    _signal(process, signal.SIGTERM)
    psutil.wait_procs(_members(process.pid), timeout=_STOPPED_WITHIN)
    _signal(process, signal.SIGKILL)
    psutil.wait_procs(_members(process.pid), timeout=_STOPPED_WITHIN)
    process.wait()


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _members(group: int) -> list[psutil.Process]:
    members = []
    for process in psutil.process_iter():
        with suppress(ProcessLookupError, psutil.NoSuchProcess):
            alive = process.status() != psutil.STATUS_ZOMBIE
            if alive and os.getpgid(process.pid) == group:
                members.append(process)
    return members


def _stop_postgres(pid_file: Path) -> None:
    """Stop the server of a run that was killed; it is not in our process group."""
    with suppress(OSError, ValueError, psutil.Error):
        server = psutil.Process(int(pid_file.read_text().split()[0]))
        if "postgres" in server.name():
            server.send_signal(signal.SIGINT)
            server.wait(_STOPPED_WITHIN)
