"""A database that may not be written: one line with what to do, not the driver's."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from resources.result_store.connection import create_engine_for
from resources.result_store.errors import DatabaseNotWritableError
from resources.result_store.manager import BacktestPersistenceManager
from resources.result_store.schema import upgrade
from tests.resources.result_store.rows import result


def _make_read_only(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        name = engine.url.database
        connection.exec_driver_sql(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    engine.dispose()


@pytest.fixture
def stranger(engine: sa.Engine) -> Iterator[sa.Engine]:
    """Lend the engine of a login without any privilege."""
    login = f"stranger_{engine.url.database}"
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE ROLE {login} LOGIN")
    other = create_engine_for(engine.url.set(username=login))
    yield other
    other.dispose()
    with engine.begin() as connection:
        connection.exec_driver_sql(f"DROP ROLE {login}")


def _refusal(manager: BacktestPersistenceManager) -> str:
    with pytest.raises(DatabaseNotWritableError) as refused:
        manager.save_backtest(result())
    assert refused.value.__suppress_context__
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_a_read_only_database_is_one_line(engine: sa.Engine, bare_engine: sa.Engine) -> None:
    _make_read_only(engine)
    upgrade(engine)  # there is nothing to do
    line = _refusal(BacktestPersistenceManager(engine))
    assert "is read-only: cannot execute " in line
    assert line.endswith(
        " in a read-only transaction. Name the primary server in DATABASE_URL, not a standby, and "
        "look at default_transaction_read_only."
    )
    _make_read_only(bare_engine)
    with pytest.raises(DatabaseNotWritableError, match="is read-only: cannot execute CREATE TABLE"):
        upgrade(bare_engine)


def test_a_user_without_privileges_is_one_line(stranger: sa.Engine) -> None:
    line = _refusal(BacktestPersistenceManager(stranger))
    assert "does not allow this to its user: permission denied for table" in line
    assert line.endswith(
        "Name in DATABASE_URL the user that owns the tables, or one with its role."
    )
    with pytest.raises(DatabaseNotWritableError, match="permission denied"):
        upgrade(stranger)


def test_no_error_shows_the_values_of_a_statement(engine: sa.Engine) -> None:
    with pytest.raises(DBAPIError) as refused, engine.connect() as connection:
        connection.execute(sa.text("SELECT :value::int"), {"value": "s3cret"})
    assert "s3cret" not in str(refused.value).partition("[SQL:")[2]
