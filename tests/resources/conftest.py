"""Databases on the server of `tests/conftest.py`, and servers that respond like Yahoo and S3."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import fsspec
import pytest
import s3fs
import sqlalchemy as sa

from resources.result_store.connection import create_engine_for, parse_url
from resources.result_store.manager import BacktestPersistenceManager
from tests.postgres import fresh_database
from tests.resources.market_data.sources.yahoo import BARS
from tests.s3_server import running_s3_server, s3_environment
from tests.yahoo_server import Listed, YahooServer


@pytest.fixture
def home() -> Iterator[Path]:
    """Lend a folder in which an embedded server may be started."""
    home = Path(tempfile.mkdtemp(prefix="gauntlet-home-"))
    yield home
    shutil.rmtree(home)


@pytest.fixture
def bare_database(server: str) -> Iterator[str]:
    """Lend the URL of a database without any table."""
    with fresh_database(server, migrated=False) as url:
        yield url


def _engine(url: str) -> Iterator[sa.Engine]:
    engine = create_engine_for(parse_url(url))
    yield engine
    engine.dispose()


@pytest.fixture
def engine(database: str) -> Iterator[sa.Engine]:
    """Lend an engine on an empty database with the schema."""
    yield from _engine(database)


@pytest.fixture
def bare_engine(bare_database: str) -> Iterator[sa.Engine]:
    """Lend an engine on a database without any table."""
    yield from _engine(bare_database)


@pytest.fixture
def manager(engine: sa.Engine) -> BacktestPersistenceManager:
    """Return a manager on an empty database."""
    return BacktestPersistenceManager(engine)


@pytest.fixture(scope="module")
def shared_manager(server: str) -> Iterator[BacktestPersistenceManager]:
    """Lend a manager on one database for a whole module, to tests that can share it."""
    with fresh_database(server) as url:
        for engine in _engine(url):
            yield BacktestPersistenceManager(engine)


@pytest.fixture
def yahoo() -> Iterator[YahooServer]:
    """Lend a server that lists AAPL over 2021, without events."""
    with YahooServer.running() as running:
        running.listed["AAPL"] = Listed(BARS)
        yield running


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """Lend the address of a server that speaks the S3 protocol."""
    with running_s3_server() as address:
        yield address


@pytest.fixture
def bucket(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Lend the URL of an empty bucket, configured by environment variables."""
    for name, value in s3_environment(s3_server).items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    name = f"bucket-{uuid4().hex}"
    fsspec.filesystem("s3").mkdir(name)
    yield f"s3://{name}"
    s3fs.S3FileSystem.clear_instance_cache()
