"""Whether the Dagster UI can be started, before `make ui` starts it.

Dagster starts its daemon, code server and webserver together; what the last of them finds out would
stand a hundred lines above the end.
"""

import errno
import os
import socket
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.cli.history_error import NoHistoryError
from pipelines.cli.terminal import print_error, print_wrapped
from resources.config.environment import EnvironmentSettings
from resources.files.ownership import require_own_folder
from resources.files.private import protect_home
from strategies.errors import GauntletError

if TYPE_CHECKING:
    from rich.console import Console

_HOST = "127.0.0.1"
_REFUSED = 2
_LAST_PORT = 65_535
_TRIED = 20


class PortError(GauntletError):
    """The Dagster UI cannot listen on that port; the text says why."""


def require_free_port(text: str) -> int:
    """Return the port that `text` names, on which nothing listens.

    Raises
    ------
    PortError
        When it is not a port, is taken, or may not be used; names one that is free.
    """
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= _LAST_PORT):
        raise PortError(f"PORT={text} is not a port: write a number such as PORT=3001.")
    port = int(text)
    if reason := _find_obstacle(port):
        free = next((one for one in _list_neighbours(port) if not _find_obstacle(one)), None)
        advice = f": make ui PORT={free}" if free else ""
        raise PortError(f"port {port} {reason}{advice}")
    return port


def _list_neighbours(port: int) -> range:
    first = max(port, 1024) + 1
    return range(first, min(first + _TRIED, _LAST_PORT))


def _find_obstacle(port: int) -> str:
    """Return why the port can't be listened on; "" if it can."""
    with socket.socket() as client, socket.socket() as server:
        # Somebody who listens on all addresses would not be in the way of ours everywhere.
        if client.connect_ex((_HOST, port)) == 0:
            return "is in use, perhaps by another Dagster UI"
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind((_HOST, port))
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            return "is in use" if taken else f"can't be used ({error.strerror})"
    return ""


def end_runs_of_dead_processes(console: "Console") -> None:
    """Mark what was in progress when the last UI was killed as ended, and say so in one line.

    Raises
    ------
    NoHistoryError
        When Dagster's history can't be opened; three processes would say so at once.
    """
    import dagster as dg

    from pipelines.cli.materialize import report_dead_runs

    os.environ.setdefault("DAGSTER_HOME", str(Path.cwd()))
    try:
        with dg.DagsterInstance.get() as instance:
            report_dead_runs(instance, partial(print_wrapped, console))
    except Exception as error:
        raise NoHistoryError.of(error) from error


def main(arguments: list[str]) -> int:
    """Refuse, in one line, a port or settings with which the Dagster UI would not work."""
    from rich.console import Console

    try:
        settings = EnvironmentSettings.from_environment(os.environ)
        require_own_folder(settings.home)
        settings.load_universe()
        require_free_port(*arguments)
        protect_home(settings.home)
        end_runs_of_dead_processes(Console())
    except GauntletError as error:
        print_error(Console(stderr=True), f"Refused: {error}")
        return _REFUSED
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
