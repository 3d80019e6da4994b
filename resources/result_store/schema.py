"""Upgrade a database to the schema of this code.

Alembic is imported only when there is something to do; at the newest revision the check is one
query.
"""

import logging
import threading
from pathlib import Path

import sqlalchemy as sa

import migrations
from resources.result_store.connection import translate_connection_errors
from resources.result_store.errors import SchemaMismatchError
from resources.result_store.retry import retry_transient

_REVISIONS = Path(migrations.__file__).with_name("versions")

HEAD_REVISION = max(path.name for path in _REVISIONS.glob("[0-9]*.py")).partition("_")[0]
"""The newest revision, by the name of its file: Alembic is asked only when there is work to do."""

VERSION_TABLE = "gauntlet_schema_version"
"""Not ``alembic_version``: Dagster's own storage uses that name, perhaps in the same database."""

ADVISORY_LOCK = 0x6761756E746C6574
"""Held during an upgrade; the letters of "gauntlet", a number that no other program uses."""

_THREADS = threading.Lock()  # Alembic keeps the running migration in a global


@retry_transient
def upgrade(engine: sa.Engine) -> None:
    """Create or upgrade the schema, all or nothing; any number of processes may do so at once.

    The first call of a process: it is retried like every other.

    Raises
    ------
    SchemaMismatchError
        When the database is of a newer version than this code.
    """
    with _THREADS, translate_connection_errors(engine, first=True), engine.begin() as connection:
        if _read_revision(connection) == HEAD_REVISION:
            return
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(ADVISORY_LOCK)))
        _run_alembic(connection)


@retry_transient
def has_schema(engine: sa.Engine) -> bool:
    """Return whether a database has the schema of this project, of whichever version."""
    with translate_connection_errors(engine, first=True), engine.connect() as connection:
        return sa.inspect(connection).has_table(VERSION_TABLE)


def _read_revision(connection: sa.Connection) -> str | None:
    """Return the database's revision, None for a database that is new to this project."""
    if not sa.inspect(connection).has_table(VERSION_TABLE):
        return None
    version = sa.table(VERSION_TABLE, sa.column("version_num", sa.Text))
    return connection.execute(sa.select(version.c.version_num)).scalar()


def _run_alembic(connection: sa.Connection) -> None:
    # Alembic logs its import and each revision at INFO, into the log of the run that is starting.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    # By the package's own place, so that it works from a wheel and from any folder.
    location = str(Path(migrations.__file__).parent).replace("%", "%%")
    config.set_main_option("script_location", location)
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise SchemaMismatchError(
            f"The database's schema can't be upgraded to revision {HEAD_REVISION}: {error}; "
            "it was made by a newer version of backtest-gauntlet, so install that version."
        ) from error
