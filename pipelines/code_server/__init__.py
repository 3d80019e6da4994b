"""Dagster's code server, whose runs start as forks of a process that has imported everything."""

import sys

from dagster._grpc import server

_MODULE = __name__


def start_own_code_servers() -> None:
    """Make this process start code servers as `python -m pipelines.code_server`.

    `dagster dev` and `dagster code-server start` start them as `python -m dagster`, for which
    Dagster has no setting.
    """
    server.get_python_environment_entry_point = _find_entry_point  # pyright: ignore[reportPrivateImportUsage]


def _find_entry_point(python: str) -> list[str]:
    # One with a Python of its own has not got this project.
    return [python, "-m", _MODULE if python == sys.executable else "dagster"]
