"""A real PostgreSQL for tests: one server per session, one database per test.

Use them from a fixture, the server's of session scope::

    start_server(path)            a server with its data under `path`; its URL
    stop_server(path)             stops it, so that `path` can be removed
    with fresh_database(server):  a migrated, empty database of your own; its URL
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
from psycopg import sql

from resources.result_store.connection import create_engine_for, parse_url
from resources.result_store.embedded import start_embedded, stop_embedded
from resources.result_store.schema import upgrade

TEMPLATE = "migrated_template"


def start_server(path: Path) -> str:
    """Start an embedded PostgreSQL under `path` and return the URL of its server.

    It does not wait for the disk, and it has a database `TEMPLATE` with the schema in it.
    """
    server = start_embedded(path).render_as_string(hide_password=False)
    # A crash of the machine may cost the tests their data; nothing else is lost.
    _execute(server, sql.SQL("ALTER SYSTEM SET fsync = off"))
    _execute(server, sql.SQL("SELECT pg_reload_conf()"))
    _execute(server, sql.SQL("CREATE DATABASE {}").format(sql.Identifier(TEMPLATE)))
    engine = create_engine_for(parse_url(server).set(database=TEMPLATE))
    upgrade(engine)
    engine.dispose()
    return server


def stop_server(path: Path) -> None:
    """Stop the server that `start_server` started under `path`."""
    stop_embedded(path)


@contextmanager
def fresh_database(server: str, *, migrated: bool = True) -> Iterator[str]:
    """Create a database on `server`, lend its URL, and drop it, even with open connections.

    It is a copy of `TEMPLATE`, which takes a tenth of a migration's time, or bare.
    """
    name = f"test_{uuid4().hex}"
    template = sql.Identifier(TEMPLATE if migrated else "template0")
    create = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), template)
    _execute(server, create)
    try:
        yield parse_url(server).set(database=name).render_as_string(hide_password=False)
    finally:
        _execute(server, sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _execute(server: str, statement: sql.SQL | sql.Composed) -> None:
    # Neither CREATE DATABASE nor ALTER SYSTEM may run in a transaction.
    conninfo = server.replace("postgresql+psycopg://", "postgresql://")
    with closing(psycopg.connect(conninfo, autocommit=True)) as connection:
        connection.execute(statement)
