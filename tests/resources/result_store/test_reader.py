"""The role for dashboards reads everything and changes nothing."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from resources.result_store.connection import create_engine_for
from resources.result_store.embedded import start_embedded
from resources.result_store.manager import BacktestPersistenceManager
from resources.result_store.models import Base
from resources.result_store.schema import HEAD_REVISION, VERSION_TABLE, upgrade
from tests.postgres import stop_server
from tests.resources.result_store.rows import (
    failure,
    identifier,
    record_failures,
    result,
    save,
    trade,
)

TABLES = sorted(Base.metadata.tables)
VIEWS = ["latest_backtests", "leaderboard", "trials"]


@pytest.fixture
def dashboard(engine: sa.Engine) -> Iterator[sa.Engine]:
    """Lend the engine of a login that is a member of the role and nothing else."""
    login = f"dashboard_{engine.url.database}"
    manager = BacktestPersistenceManager(engine)
    manager.save_backtest(result(), [trade()])
    save(manager, cached=[identifier(result())])
    record_failures(manager, "run-1", failure())
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE ROLE {login} LOGIN IN ROLE gauntlet_reader")
    reader = create_engine_for(engine.url.set(username=login))
    yield reader
    reader.dispose()
    with engine.begin() as connection:
        connection.exec_driver_sql(f"DROP ROLE {login}")


def test_the_role_reads_every_table_and_view(dashboard: sa.Engine) -> None:
    with dashboard.connect() as connection:
        for name in (*TABLES, *VIEWS):
            connection.exec_driver_sql(f"SELECT * FROM {name}").all()
        for name in ("backtests", "failures", "latest_backtests"):
            count = connection.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar()
            assert count == 1, name


CHANGES = [
    *(f"DELETE FROM {name}" for name in TABLES),
    *(f"TRUNCATE {name} CASCADE" for name in TABLES),
    *(f"INSERT INTO {name} SELECT * FROM {name}" for name in TABLES if name != "failures"),
    "UPDATE backtests SET sharpe_ratio = 9",
    "UPDATE latest_backtests SET sharpe_ratio = 9",
    "INSERT INTO failures (run_id) VALUES ('x')",
    "CREATE TABLE mine (number int)",
    "DROP VIEW leaderboard",
    "ALTER TABLE backtests ADD COLUMN mine int",
]


def _is_refused(engine: sa.Engine, statement: str) -> bool:
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql(statement)
    except DBAPIError as error:
        refused = "permission denied|must be owner|cannot update view"
        return re.search(refused, str(error)) is not None
    return False


def test_the_role_changes_nothing(dashboard: sa.Engine) -> None:
    assert [change for change in CHANGES if not _is_refused(dashboard, change)] == []


def test_the_role_reads_later_tables_and_the_revision(
    engine: sa.Engine, dashboard: sa.Engine
) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE later AS SELECT 7 AS number")
    with dashboard.connect() as connection:
        assert connection.exec_driver_sql("SELECT number FROM later").scalar() == 7
        revision = connection.exec_driver_sql(f"SELECT version_num FROM {VERSION_TABLE}")
        assert revision.scalar() == HEAD_REVISION
    with pytest.raises(DBAPIError, match="permission denied"), dashboard.begin() as connection:
        connection.exec_driver_sql("DELETE FROM later")


@pytest.fixture
def roleless(home: Path) -> Iterator[sa.Engine]:
    """Lend an engine on a separate server, on which the role does not exist yet."""
    engine = create_engine_for(start_embedded(home))
    yield engine
    engine.dispose()
    stop_server(home)


def _outside_of_a_transaction(engine: sa.Engine, *statements: str) -> None:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def test_a_user_without_the_right_to_create_roles_can_migrate(
    roleless: sa.Engine, caplog: pytest.LogCaptureFixture
) -> None:
    _outside_of_a_transaction(
        roleless, 'CREATE ROLE "the owner" LOGIN', 'CREATE DATABASE mine OWNER "the owner"'
    )
    mine = create_engine_for(roleless.url.set(username="the owner", database="mine"))
    upgrade(mine)
    assert BacktestPersistenceManager(mine).save_backtest(result(), [trade()])
    (told,) = [record.getMessage() for record in caplog.records if "role" in record.getMessage()]
    assert "\n" not in told
    # The advice works: the role that it creates can read present and later tables.
    advice = told.partition("an administrator can: ")[2]
    administrator = create_engine_for(roleless.url.set(database="mine"))
    _outside_of_a_transaction(administrator, advice, "CREATE ROLE dashboard LOGIN")
    _outside_of_a_transaction(administrator, "GRANT gauntlet_reader TO dashboard")
    _outside_of_a_transaction(mine, "CREATE TABLE later (number int)")
    reader = create_engine_for(roleless.url.set(username="dashboard", database="mine"))
    with reader.connect() as connection:
        for name in (*TABLES, *VIEWS, "later"):
            connection.exec_driver_sql(f"SELECT * FROM {name}").all()
    for used in (mine, administrator, reader):
        used.dispose()


def test_a_role_created_concurrently_is_used(roleless: sa.Engine) -> None:
    _outside_of_a_transaction(roleless, "CREATE DATABASE mine")
    mine = create_engine_for(roleless.url.set(database="mine"))
    waiting = sa.text(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'transactionid' AND NOT granted"
    )
    with ThreadPoolExecutor(1) as pool, roleless.connect() as other:
        other.exec_driver_sql("CREATE ROLE gauntlet_reader NOLOGIN")
        upgraded = pool.submit(upgrade, mine)
        while not other.execute(waiting).scalar():
            assert not upgraded.done(), upgraded.result()
        other.commit()
        upgraded.result()
    with mine.begin() as connection:
        connection.exec_driver_sql("SET LOCAL ROLE gauntlet_reader")
        connection.exec_driver_sql("SELECT * FROM latest_backtests").all()
    mine.dispose()
