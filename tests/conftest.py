"""Fixtures for the tests of all packages: a PostgreSQL, and a project on it."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgres import fresh_database, start_server, stop_server
from tests.project import Project


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files that wait for daemons first: elsewhere all others would be waited for, too."""
    items.sort(key=lambda item: item.get_closest_marker("ui") is None)


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
