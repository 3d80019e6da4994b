"""`make ui`: the Dagster UI and its daemon on loopback, as `dagster dev` starts them, guarded.

    python -m pipelines.cli.ui 3000

`dagster dev` starts webserver, daemon and code server as processes of their own. Its webserver is
replaced with `pipelines.webserver`, its code server with `pipelines.code_server`; all else is
Dagster's: reloading, logs, and one Ctrl-C for all.
"""

import sys
from collections.abc import Sequence
from typing import Any

from pipelines.cli import ui_check

_HOST = "127.0.0.1"
# What `dagster dev` starts with `python -m`, and what is started in its place.
_STARTED = {"dagster_webserver": "pipelines.webserver", "dagster._daemon": "dagster._daemon"}


def main(arguments: list[str]) -> int:
    """Start the UI on the port that is given, and run until it is interrupted."""
    if refused := ui_check.main(arguments):
        return refused
    from dagster._cli import dev

    from pipelines.code_server import start_own_code_servers

    start_own_code_servers()
    open_process = dev.open_ipc_subprocess  # pyright: ignore[reportPrivateImportUsage]

    def open_guarded(parts: Sequence[str], **options: Any) -> Any:
        return open_process(_guard(parts), **options)

    dev.open_ipc_subprocess = open_guarded  # pyright: ignore[reportPrivateImportUsage]
    dev.dev_command(["--host", _HOST, "--port", *arguments], prog_name="make ui")
    return 0


def _guard(parts: Sequence[str]) -> list[str]:
    """Return the command with the guarded webserver; raise KeyError for one that is not known.

    A new version of Dagster might start its webserver in another way: then nothing is started,
    rather than one without the guard.
    """
    python, option, module, *rest = parts
    return [python, option, _STARTED[module], *rest]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
