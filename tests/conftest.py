"""Fixtures for the tests of all packages: a PostgreSQL, and a project on it."""

import shutil
import tempfile
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import pytest

from tests.postgres import fresh_database, start_server, stop_server
from tests.project import Project


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest file first, and those that wait for daemons among the others.

    At the end they would be waited for, and at the beginning all would wait for each other.
    """
    first = [item for item in items if item.path.name == "test_faults.py"]
    waiting = [item for item in items if item.get_closest_marker("ui") and item not in first]
    others = [item for item in items if item not in first and item not in waiting]
    files = [list(tests) for _, tests in groupby(waiting, key=lambda item: item.path)]
    parts = len(files) + 2
    items[:] = first
    for number in range(parts):
        begin, end = (len(others) * place // parts for place in (number, number + 1))
        items += others[begin:end] + (files[number] if number < len(files) else [])


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """Lend the URL of a running PostgreSQL, one per process of pytest-xdist."""
    home = Path(tempfile.mkdtemp(prefix="gauntlet-postgres-"))
    yield start_server(home)
    stop_server(home)
    shutil.rmtree(home)


@pytest.fixture
def database(server: str) -> Iterator[str]:
    """Lend the URL of an empty database with the schema."""
    with fresh_database(server) as url:
        yield url


@pytest.fixture
def project(tmp_path: Path, database: str) -> Iterator[Project]:
    """Lend a project of its own: prices as files, a Dagster instance, an empty result store."""
    with Project.opened(tmp_path, database) as opened:
        yield opened
