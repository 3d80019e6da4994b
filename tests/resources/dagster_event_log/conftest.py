"""Instances on each of the storages of events."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pytest

from tests.instances import opened

POSTGRES = {
    "module": "resources.dagster_event_log.postgres",
    "class": "BatchedPostgresEventLogStorage",
}


@contextmanager
def _sqlite(folder: Path, _: str) -> Iterator[dg.DagsterInstance]:
    with opened(folder) as instance:
        yield instance


@contextmanager
def _postgres(folder: Path, database: str) -> Iterator[dg.DagsterInstance]:
    url = database.replace("+psycopg:", ":")
    with opened(folder, POSTGRES, postgres_url=url) as instance:
        yield instance


@pytest.fixture(params=[_sqlite, _postgres])
def instance(
    request: pytest.FixtureRequest, tmp_path: Path, database: str
) -> Iterator[dg.DagsterInstance]:
    """Lend an instance on each of the storages, which collects batches automatically."""
    with request.param(tmp_path, database) as one:
        yield one
