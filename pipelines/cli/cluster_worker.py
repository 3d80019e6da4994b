"""Worker processes of a cluster, which compute the backtests of runs with GAUNTLET_CLUSTER.

    python -m pipelines.cli.cluster_worker tls://scheduler:8786
    python -m pipelines.cli.cluster_worker tls://scheduler:8786 --processes 4 --memory 2GiB

One process per core, each with a limit of memory (GAUNTLET_CLUSTER_MEMORY). Certificates are those
of GAUNTLET_CLUSTER_TLS. It computes until it is told to end (SIGTERM).
"""

import argparse
import os
import sys
from pathlib import Path

from resources.config.cluster import (
    MEMORY,
    count_cores,
    parse_memory,
    parse_scheduler,
    parse_tls,
    parse_worker_host,
)
from strategies.errors import GauntletError


def main(arguments: list[str]) -> None:
    """Become worker processes; exit with 2 where something is refused."""
    parser = argparse.ArgumentParser(
        prog="python -m pipelines.cli.cluster_worker",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("scheduler", help="tls://<host>:8786")
    parser.add_argument("--processes", type=int, help="how many (default: one per core)")
    parser.add_argument("--memory", help="limit of each process (default: 2GiB)")
    parser.add_argument("--host", help="address of this machine for the scheduler")
    parser.add_argument("--folder", type=Path, help="for temporary files")
    given = parser.parse_args(arguments)
    try:
        environ = dict(os.environ) | ({MEMORY: given.memory} if given.memory else {})
        tls = parse_tls(environ)
        address = parse_scheduler(given.scheduler, tls)
        memory = parse_memory(environ)
        host = parse_worker_host(given.host, address)
    except GauntletError as error:
        sys.stderr.write(f"Refused: {error}\n")
        sys.exit(2)
    from resources.cluster.worker import build_environment, build_worker_command

    command = build_worker_command(
        address,
        tls,
        memory,
        given.processes or count_cores(),
        host=host,
        folder=given.folder,
    )
    os.execve(command[0], command, build_environment())  # noqa: S606 - this project's own command


if __name__ == "__main__":
    main(sys.argv[1:])
