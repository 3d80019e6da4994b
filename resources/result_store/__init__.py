"""The result store: backtests, trades, runs and failures in PostgreSQL.

Here: the connection (connection, embedded, retry), the tables (models, views, schema), writes
(frame_schemas, bulk, writes) and reads (queries, run_queries, comparisons, leaderboards), behind
one class (manager) and one Dagster resource (resource).
Not here: metrics (engine), rules of ranking (research), revisions of the schema (migrations).

`BacktestPersistenceManager` is imported at its first use: it imports SQLAlchemy and polars, which
loading the definitions must not wait for.
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
