"""The result store: backtests, trades, runs and failures in PostgreSQL.

Here: the connection (connection, embedded, retry), the tables (models, views, schema), writes
(frame_schemas, bulk, writes, notebook_results) and reads (queries, frame_queries, run_queries,
comparisons, leaderboards), behind one class (manager, run_store), which takes an engine or a
session (sessions), and one Dagster resource (resource).
Not here: metrics (engine), rules of ranking (research), revisions of the schema (migrations).
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from resources.result_store.resource import ResultStore

__all__ = ["ResultStore"]


def __getattr__(name: str) -> Any:
    """Import the resource, and Dagster with it, when it is asked for: a schema needs neither."""
    if name == "ResultStore":
        from resources.result_store.resource import ResultStore

        return ResultStore
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
