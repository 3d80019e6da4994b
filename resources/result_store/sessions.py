"""A SQLAlchemy Session as the place of results, for notebooks that have one."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, scoped_session

from resources.result_store.errors import InvalidArgumentError


def engine_of(session: Any) -> sa.Engine:
    """Return the engine behind a session.

    The store's methods are transactions of their own on that engine. A session that is bound to a
    single connection gets them on this connection, as savepoints of its transaction: they last
    once whoever made the connection commits.

    Raises
    ------
    InvalidArgumentError
        For what is no session, one that is bound to nothing, and one of another database or driver.
    """
    if not isinstance(session, (Session, scoped_session)):
        raise InvalidArgumentError(
            f"session is a {type(session).__name__}; allowed: a sqlalchemy.orm.Session."
        )
    try:
        bind = session.get_bind()
    except SQLAlchemyError:
        raise InvalidArgumentError(
            "session is bound to no database; allowed: Session(engine)."
        ) from None
    driver = f"{bind.dialect.name}+{bind.dialect.driver}"
    if driver != "postgresql+psycopg":
        raise InvalidArgumentError(
            f"session is one of {driver}; allowed: postgresql+psycopg, which is PostgreSQL with "
            "psycopg 3."
        )
    return bind if isinstance(bind, sa.Engine) else cast("sa.Engine", _ConnectionEngine(bind, {}))


class _ConnectionEngine:
    """What the store uses of an engine, on one connection, whose transaction stays open."""

    def __init__(self, connection: sa.Connection, options: dict[str, Any]) -> None:
        self._connection = connection
        self._options = options

    @property
    def url(self) -> sa.URL:
        return self._connection.engine.url

    def execution_options(self, **options: Any) -> "_ConnectionEngine":
        return _ConnectionEngine(self._connection, {**self._options, **options})

    def get_execution_options(self) -> dict[str, Any]:
        # A connection that is lost takes its transaction along: nothing can be tried again on it.
        return {**self._options, "gauntlet_retry_timeout": 0.0}

    @contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        with self._connection.begin_nested():
            yield self._connection

    @contextmanager
    def connect(self) -> Iterator[sa.Connection]:
        yield self._connection
