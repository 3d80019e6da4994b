"""The command that shows in the Dagster UI what a run has made."""

import argparse
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

from resources.redaction import redact_address

DEFAULT_PORT = 3000

# Those with a short name of make, then the others; without what only runs ask for, such as a rate.
_SHORT = ("SOURCE", "PRICES", "UNIVERSE", "SPLITS", "START", "END")
_OTHERS = (
    *("GAUNTLET_COLUMNS", "GAUNTLET_HOME", "GAUNTLET_SKIP_BAD_ROWS"),
    *("GAUNTLET_PRICE_STORE", "GAUNTLET_BACKTEST_FILES"),
)
_LIMITS = "GAUNTLET_LIMIT_"


def add_port(parser: argparse.ArgumentParser) -> None:
    """Add the option for the port in the address."""
    parser.add_argument(
        "--port",
        type=int,
        default=DEFAULT_PORT,
        help="the port of the Dagster UI in the address that is printed at the end (PORT)",
    )


def describe_ui(environ: Mapping[str, str], port: int = DEFAULT_PORT) -> str:
    """Return how to see a run's results: the command with the run's settings, and the address.

    A password in a URL is not shown.
    """
    command = describe_command("make ui", environ, port)
    return f"See it: {command}, then\nhttp://127.0.0.1:{port}/assets/leaderboard"


def describe_command(command: str, environ: Mapping[str, str], port: int = DEFAULT_PORT) -> str:
    """Return a command with the settings of this one; a password in a URL is not shown."""
    database = ", with the same DATABASE_URL" if environ.get("DATABASE_URL", "").strip() else ""
    return " ".join([command, *_list_settings(environ, port)]) + database


def _list_settings(environ: Mapping[str, str], port: int) -> Iterator[str]:
    limits = sorted(name for name in environ if name.startswith(_LIMITS))
    names = {f"GAUNTLET_{short}": short for short in _SHORT}
    names |= {name: name for name in (*_OTHERS, *limits)}
    for name, shown in names.items():
        if value := environ.get(name, "").strip():
            yield f"{shown}={_quote(value)}"
    home = environ.get("DAGSTER_HOME")
    if home and Path(home) != Path.cwd():
        yield f"DAGSTER_HOME={_quote(home)}"
    if port != DEFAULT_PORT:
        yield f"PORT={port}"


def _quote(value: str) -> str:
    """Return a value as the shell and make take it."""
    return shlex.quote(redact_address(value).replace("$", "$$"))
