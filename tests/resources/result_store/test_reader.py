"""The role for dashboards reads everything and changes nothing."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from resources.result_store.connection import create_engine_for
from resources.result_store.manager import BacktestPersistenceManager
from resources.result_store.models import Base
from resources.result_store.schema import upgrade
from tests.resources.result_store.rows import failure, result, trade

TABLES = sorted(Base.metadata.tables)
VIEWS = ["latest_backtests", "leaderboard"]


@pytest.fixture
def dashboard(engine: sa.Engine) -> Iterator[sa.Engine]:
    """Lend the engine of a login that is a member of the role and nothing else."""
    login = f"dashboard_{engine.url.database}"
    manager = BacktestPersistenceManager(engine)
    manager.save_backtest_result(result(), [trade()])
    manager.record_failures("run-1", [failure()])
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE ROLE {login} LOGIN IN ROLE gauntlet_reader")
    reader = create_engine_for(engine.url.set(username=login))
    yield reader
    reader.dispose()
    with engine.begin() as connection:
        connection.exec_driver_sql(f"DROP ROLE {login}")


@pytest.mark.parametrize("name", [*TABLES, *VIEWS])
def test_it_reads_every_table_and_view(dashboard: sa.Engine, name: str) -> None:
    with dashboard.connect() as connection:
        connection.exec_driver_sql(f"SELECT * FROM {name}").all()


def test_what_it_reads_is_there(dashboard: sa.Engine) -> None:
    with dashboard.connect() as connection:
        for name in ("backtests", "trades", "failures", "latest_backtests"):
            count = connection.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar()
            assert count == 1, name


@pytest.mark.parametrize(
    "statement",
    [
        *(f"DELETE FROM {name}" for name in TABLES),
        *(f"TRUNCATE {name} CASCADE" for name in TABLES),
        *(f"INSERT INTO {name} SELECT * FROM {name}" for name in TABLES if name != "failures"),
        "UPDATE backtests SET sharpe_ratio = 9",
        "UPDATE latest_backtests SET sharpe_ratio = 9",
        "INSERT INTO failures (run_id) VALUES ('x')",
        "CREATE TABLE mine (number int)",
        "DROP VIEW leaderboard",
        "ALTER TABLE backtests ADD COLUMN mine int",
    ],
)
def test_it_changes_nothing(dashboard: sa.Engine, statement: str) -> None:
    refused = "permission denied|must be owner|cannot update view"
    with (
        pytest.raises(DBAPIError, match=refused),
        dashboard.begin() as connection,
    ):
        connection.exec_driver_sql(statement)


def test_a_user_who_may_not_create_roles_migrates_all_the_same_and_is_told_how(
    bare_engine: sa.Engine, caplog: pytest.LogCaptureFixture
) -> None:
    owner, database = f"owner_{bare_engine.url.database}", bare_engine.url.database
    with bare_engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE ROLE {owner} LOGIN")
        connection.exec_driver_sql(f"ALTER DATABASE {database} OWNER TO {owner}")
        # As on a server where nobody has made the role yet; undone with this transaction's end.
        connection.exec_driver_sql(f"GRANT ALL ON SCHEMA public TO {owner}")
    mine = create_engine_for(bare_engine.url.set(username=owner))
    try:
        upgrade(mine)
        assert BacktestPersistenceManager(mine).save_backtest_result(result(), [trade()])
    finally:
        mine.dispose()
        with bare_engine.begin() as connection:
            connection.exec_driver_sql(f"REASSIGN OWNED BY {owner} TO CURRENT_USER")
            connection.exec_driver_sql(f"DROP OWNED BY {owner}")
            connection.exec_driver_sql(f"DROP ROLE {owner}")
