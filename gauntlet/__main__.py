"""Keep the embedded PostgreSQL running for other programs, and say how to reach it.

Without this it runs as long as a run, the Dagster UI or a notebook uses it.
"""

import argparse
import shlex
import signal
import sys

from gauntlet.home import find_home
from resources.result_store.connection import configured_url
from resources.result_store.embedded import start_embedded
from resources.result_store.embedded.programs import find_programs
from strategies.errors import GauntletError


def main(arguments: list[str] | None = None) -> int:
    """Start the embedded server, print its address, and wait for Ctrl-C; 2 if there is none."""
    parser = argparse.ArgumentParser(prog="python -m gauntlet", description=__doc__)
    parser.add_argument("home", nargs="?", help="the project's folder, or that of its data")
    given = parser.parse_args(arguments)
    if configured_url(None):
        print("DATABASE_URL is set: connect to that server; there is none to keep.")  # noqa: T201
        return 2
    try:
        url = start_embedded(find_home(given.home))
    except GauntletError as error:
        print(f"Refused: {error}", file=sys.stderr)  # noqa: T201
        return 2
    address = url.set(drivername="postgresql").render_as_string(hide_password=False)
    print(f"{shlex.quote(str(find_programs() / 'psql'))} {shlex.quote(address)}")  # noqa: T201
    signals = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    print("PostgreSQL runs until Ctrl-C.", flush=True)  # noqa: T201
    signal.sigwait(signals)
    return 0


if __name__ == "__main__":
    sys.exit(main())
