"""The result store: backtests, trades, runs and failures in PostgreSQL.

Here: where the database is (connection, embedded), what it holds (models, views, schema), what
goes in (frames, bulk, writes, identity) and what comes out (reads), behind one class (manager)
and one Dagster resource (resource).
Not here: computation of metrics (engine), revisions of the schema (migrations).

`BacktestPersistenceManager` is looked up when it is first asked for, since it brings SQLAlchemy
and polars, which loading the definitions must not wait for.
"""

from typing import TYPE_CHECKING

from research.errors import InvalidResultError
from resources.result_store.errors import (
    DatabaseFullError,
    DatabaseUnreachableError,
    EmbeddedPostgresError,
    InvalidArgumentError,
    InvalidDatabaseUrlError,
    ResultStoreError,
    SchemaMismatchError,
    UnknownMetricError,
)
from resources.result_store.resource import ResultStore

if TYPE_CHECKING:
    from resources.result_store.manager import BacktestPersistenceManager

__all__ = [
    "BacktestPersistenceManager",
    "DatabaseFullError",
    "DatabaseUnreachableError",
    "EmbeddedPostgresError",
    "InvalidArgumentError",
    "InvalidDatabaseUrlError",
    "InvalidResultError",
    "ResultStore",
    "ResultStoreError",
    "SchemaMismatchError",
    "UnknownMetricError",
]


def __getattr__(name: str) -> object:
    if name == "BacktestPersistenceManager":
        from resources.result_store.manager import BacktestPersistenceManager

        return BacktestPersistenceManager
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
