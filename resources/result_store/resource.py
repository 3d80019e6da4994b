"""The result store as a Dagster resource.

Dagster imports this file whenever it loads the definitions: SQLAlchemy, psycopg and polars are
imported when the store is first used.
"""

import functools
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
from pydantic import Field

if TYPE_CHECKING:
    import sqlalchemy as sa

    from resources.result_store.manager import BacktestPersistenceManager

_THREADS = threading.Lock()
_UPGRADED: set[tuple["sa.URL", int]] = set()


class ResultStore(dg.ConfigurableResource):
    """Where results are kept: PostgreSQL, the embedded one unless a URL says otherwise.

    Constructing it touches neither network nor disk. DATABASE_URL is read when the store is
    used, so that its password is in no configuration that the UI shows.
    """

    database_url: str | None = Field(
        default=None,
        description="URL of a PostgreSQL, overriding DATABASE_URL; empty for DATABASE_URL, and "
        "without that either, the embedded PostgreSQL. Run config can't set it.",
    )
    home: str = Field(description="Folder in which the embedded PostgreSQL keeps its data.")
    retry_timeout_seconds: float = Field(
        default=30.0,
        ge=0.0,
        description="Seconds for which an operation is retried that failed with a transient "
        "error, such as a restart of the server.",
    )

    def manager(self) -> "BacktestPersistenceManager":
        """Return the store, its schema brought up to date once in each process."""
        from resources.result_store.manager import BacktestPersistenceManager

        # The embedded server may have been killed, by another process or for lack of memory.
        restart_server = None if self._is_given() else self._resolve_url
        patience = self.retry_timeout_seconds
        engine = _get_ready_engine(self._resolve_url(), patience, restart_server)
        return BacktestPersistenceManager(engine, patience, restart_server)

    def check_reachable(self) -> None:
        """Connect once, starting the embedded server if that is the one.

        Raises
        ------
        DatabaseUnreachableError, InvalidDatabaseUrlError, EmbeddedPostgresError
            With one line that says what to do, and no password.
        """
        from resources.result_store.connection import check_reachable
        from resources.result_store.retry import with_retry_timeout

        engine = _get_engine(self._resolve_url(), os.getpid())
        check_reachable(with_retry_timeout(engine, self.retry_timeout_seconds))

    def describe(self) -> str:
        """Return where results are kept, as text without a password; nothing is started."""
        from resources.result_store.connection import configured_url, parse_url, redact_url

        given = configured_url(self.database_url)
        if given:
            return redact_url(parse_url(given))
        return f"embedded PostgreSQL in {Path(self.home).expanduser().resolve() / 'postgres'}"

    def _is_given(self) -> bool:
        from resources.result_store.connection import configured_url

        return bool(configured_url(self.database_url))

    def _resolve_url(self) -> "sa.URL":
        from resources.files.private import create_private
        from resources.result_store.connection import resolve_url

        if not self._is_given():
            create_private(Path(self.home).expanduser())
        return resolve_url(self.database_url, Path(self.home))


def _get_ready_engine(
    url: "sa.URL", patience: float, restart_server: Callable[[], object] | None
) -> "sa.Engine":
    """Return the engine for `url`, with the schema upgraded once per process."""
    from resources.result_store.retry import with_retry_timeout
    from resources.result_store.schema import upgrade

    # One thread makes the engine and the schema, the others find both.
    with _THREADS:
        engine = _get_engine(url, os.getpid())
        if (url, os.getpid()) not in _UPGRADED:
            upgrade(with_retry_timeout(engine, patience, restart_server))
            _UPGRADED.add((url, os.getpid()))
        return engine


@functools.cache
def _get_engine(url: "sa.URL", pid: int) -> "sa.Engine":  # noqa: ARG001
    """Return the one pool of this process for `url`; a forked child must not use its parent's."""
    from resources.result_store.connection import create_engine_for

    return create_engine_for(url)
