"""Where the budget of a provider is kept: on this machine, or in PostgreSQL for many machines."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from resources.market_data.provider.rate_limiter import SharedBudget, rate_of
from resources.market_data.source import SourceUnavailableError

if TYPE_CHECKING:
    from psycopg_pool import ConnectionPool

_LOCK_POLL_SECONDS = 0.002
"""The lock is held for a millisecond or less."""

_CONNECT_SECONDS = 10.0


def open_file_budget(
    folder: Path, provider: str, requests_per_second: float, patience_seconds: float
) -> SharedBudget:
    """Return the budget that all processes share that use this folder, which must be local."""
    from filelock import FileLock
    from pyrate_limiter import SQLiteBucket

    folder.mkdir(parents=True, exist_ok=True)
    bucket = SQLiteBucket.init_from_file(
        [rate_of(requests_per_second)],
        table=provider,
        db_path=str(folder / f"{provider}.sqlite"),
        use_file_lock=True,
    )
    # Threads have handles of their own, so that the lock keeps them apart too.
    lock = bucket.lock
    if isinstance(lock, FileLock):  # which it is; the annotation says otherwise
        lock.poll_interval = _LOCK_POLL_SECONDS
    return SharedBudget(provider, bucket, lambda: lock, patience_seconds)


def open_database_budget(
    database_url: str, provider: str, requests_per_second: float, patience_seconds: float
) -> SharedBudget:
    """Return the budget that all share who use this PostgreSQL; its clock is the one that counts.

    Raises
    ------
    SourceUnavailableError
        When the database can't be reached.
    """
    from psycopg import Connection
    from psycopg_pool import ConnectionPool, PoolTimeout
    from pyrate_limiter import PostgresBucket

    from resources.result_store.connection import hidden, parse_url

    url = parse_url(database_url)
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    # The bucket's column has no time zone: all who use it must mean the same one.
    options = {"options": "-c timezone=UTC"}
    pool = ConnectionPool(
        plain, connection_class=Connection, kwargs=options, min_size=2, max_size=8, open=False
    )
    try:
        pool.open(wait=True, timeout=_CONNECT_SECONDS)
    except PoolTimeout:
        pool.close()
        raise SourceUnavailableError(
            f"The budget of '{provider}' is kept in {hidden(url)}, which can't be reached."
        ) from None
    bucket = PostgresBucket(pool, provider, [rate_of(requests_per_second)])
    return SharedBudget(provider, bucket, lambda: _advisory_lock(pool, provider), patience_seconds)


@contextmanager
def _advisory_lock(pool: ConnectionPool, provider: str) -> Iterator[None]:
    """Keep all others out, in the order in which they came.

    The bucket itself does not wait for its table: it says no while somebody else has it.
    """
    with pool.connection() as connection:
        name = f"gauntlet budget {provider}"
        connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (name,))
        yield
