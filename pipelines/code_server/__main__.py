"""`python -m pipelines.code_server`: the command `dagster`, whose code servers fork their runs.

    python -m pipelines.code_server code-server start -p 4000 -m pipelines.definitions

A run that Dagster's own code server starts is a new Python: it imports for 3 s of CPU what a
request then uses for half a second. Here it is a fork of a process that the code server keeps for
this (`preload`). All else is Dagster's: how runs are started, watched and canceled, and that
"Reload" replaces the server, and so what its runs are forks of.
"""

import sys
from typing import Any

from dagster._cli import main
from dagster._grpc import server

from pipelines.code_server import start_own_code_servers
from resources.run_processes.template import RunTemplate

_PRELOAD = "pipelines.code_server.preload"


class ForkingApiServer(server.DagsterApiServer):
    """Dagster's code server, whose runs are forks; it takes Dagster's options."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if sys.platform == "linux":  # elsewhere system libraries do not survive a fork
            # After the definitions are loaded: what they set in the environment is inherited.
            self._mp_ctx = RunTemplate([_PRELOAD])


def run() -> None:
    """Run Dagster's command with the options of the command line."""
    start_own_code_servers()
    server.DagsterApiServer = ForkingApiServer  # pyright: ignore[reportPrivateImportUsage]
    main()


if __name__ == "__main__":
    run()
