"""Where the database is, and how it is connected to.

An explicit URL wins, then the environment variable DATABASE_URL, then the embedded PostgreSQL.
PostgreSQL is the only dialect: upserts, COPY and JSONB are what the store stands on.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import psycopg
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError

from resources.redaction import redact_address, redact_text
from resources.result_store.errors import (
    DatabaseFullError,
    DatabaseNotWritableError,
    DatabaseUnreachableError,
    InvalidDatabaseUrlError,
)
from resources.result_store.retry import (
    get_sqlstate,
    is_transient,
    names_no_host,
    retry_transient,
)

CONNECT_TIMEOUT_SECONDS = 5
"""Long enough for a server across an ocean, short enough to report a wrong host at once."""

_DISK_FULL = "53100"
_READ_ONLY = "25006"
_NOT_ALLOWED = "42501"

_VARIABLES = threading.Lock()
# Of a URL's query: what is no secret, and what is too short to be one and would be found in words.
_PLACES = frozenset({"host", "hostaddr"})
_SHORTEST_TOKEN = 8

EXAMPLE_URL = "postgresql://user:password@host:5432/database"


def resolve_url(database_url: str | None, home: Path) -> sa.URL:
    """Return the database's URL: `database_url`, else DATABASE_URL, else the embedded server's.

    An empty value counts as none. The embedded server, with its data under `home`, is started
    only when it is what the answer is.

    Raises
    ------
    InvalidDatabaseUrlError
        When the text is no URL of PostgreSQL.
    EmbeddedPostgresError
        When the embedded server does not start.
    """
    given = configured_url(database_url)
    if given:
        return parse_url(given)
    from resources.result_store.embedded import start_embedded

    return start_embedded(home)


def configured_url(database_url: str | None) -> str:
    """Return the URL that the user gave, as argument or by DATABASE_URL; ``""`` means embedded."""
    return (database_url or "").strip() or os.environ.get("DATABASE_URL", "").strip()


def parse_url(text: str) -> sa.URL:
    """Parse a URL of PostgreSQL, whichever driver it names, into one of psycopg 3."""
    try:
        url = sa.make_url(text)
    except (ArgumentError, ValueError):
        # The text stays out of the message: a URL that cannot be parsed cannot be redacted either.
        raise InvalidDatabaseUrlError(
            f"DATABASE_URL is not a valid URL; write it like {EXAMPLE_URL}."
        ) from None
    dialect = url.drivername.partition("+")[0]
    if dialect not in {"postgres", "postgresql"}:
        raise InvalidDatabaseUrlError(
            f"DATABASE_URL names the database '{dialect}', but results are kept in PostgreSQL "
            f"only; write it like {EXAMPLE_URL}, or unset it to use the embedded PostgreSQL."
        )
    if "@" in (url.host or "") or (text.count("@") > 1 and "@" in (url.database or "")):
        # The host would be the rest of the password, and be shown as such.
        raise InvalidDatabaseUrlError(
            "DATABASE_URL has an @ in its user name or password, where it ends them: write it as "
            f"%40, as in {EXAMPLE_URL.replace('password', 'pass%40word')}."
        )
    return url.set(drivername="postgresql+psycopg")


def create_engine_for(url: sa.URL) -> sa.Engine:
    """Make an engine whose pool survives a restart of the server. Connects to nothing yet."""
    wanted = {"connect_timeout": CONNECT_TIMEOUT_SECONDS, "application_name": "gauntlet"}
    # The query of the user's URL overrides these.
    connect_args = {name: value for name, value in wanted.items() if name not in url.query}
    engine = sa.create_engine(
        url,
        pool_pre_ping=True,
        connect_args=connect_args,
        hide_parameters=True,  # an error's text would have them
    )
    event.listen(engine, "connect", _use_utc)
    if str(url.query.get("host", "")).startswith("/"):
        from resources.result_store.embedded import is_embedded

        if is_embedded(url):
            event.listen(engine, "do_connect", _connect_by_url_alone)
    return engine


def _use_utc(connection: DBAPIConnection, _record: object) -> None:
    """Have times in UTC: the server's time zone is that of the machine that it was made on.

    By a statement: a pooler between may refuse options of a connection.
    """
    cursor = connection.cursor()
    cursor.execute("SET TIME ZONE 'UTC'")
    cursor.close()
    connection.commit()


def _connect_by_url_alone(
    dialect: sa.Dialect, _record: object, cargs: tuple[Any, ...], cparams: dict[str, Any]
) -> DBAPIConnection:
    """Connect as the URL says, without PGHOST, PGOPTIONS, PGSERVICE and the like.

    They are meant for DATABASE_URL. The driver's library reads some of them, such as PGTZ, whatever
    it is told, so that they have to be out of the environment for a moment.
    """
    with _VARIABLES:
        hidden = {name: value for name, value in os.environ.items() if name.startswith("PG")}
        for name in hidden:
            del os.environ[name]
        try:
            return dialect.connect(*cargs, **cparams)
        finally:
            os.environ.update(hidden)


def redact_url(url: sa.URL) -> str:
    """Return `url` as text without user, password and query."""
    return redact_address(url.set(drivername="postgresql").render_as_string(hide_password=False))


@contextmanager
def translate_connection_errors(engine: sa.Engine, *, first: bool = False) -> Iterator[None]:
    """Raise a lost or refused connection, and a refused write, as one line that says what to do.

    `first` is for the first call of a process, in which an unknown host is a wrong one.
    """
    try:
        yield
    except (DBAPIError, psycopg.Error, UnicodeError) as error:
        _raise_refusal(engine, error)
        if not _is_connection_error(error):
            raise
        # `from None`: the line says everything, and a driver's traceback may hold passwords.
        raise DatabaseUnreachableError(
            f"The database {redact_url(engine.url)} can't be reached: "
            f"{_redact_reason(error, engine.url)}; check DATABASE_URL, or unset it to use the "
            "embedded PostgreSQL.",
            transient=is_transient(error) and not (first and names_no_host(error)),
        ) from None


def _raise_refusal(engine: sa.Engine, error: Exception) -> None:
    """Raise what a reachable server refuses for reasons of its own; return for all else."""
    state, named = get_sqlstate(error), f"The database {redact_url(engine.url)}"
    reason = _redact_reason(error, engine.url)
    if state == _DISK_FULL:
        raise DatabaseFullError(
            f"{named} has no space left: {reason}. Nothing of this was saved: free some space, "
            "then run it again."
        ) from None
    if state == _READ_ONLY:
        raise DatabaseNotWritableError(
            f"{named} is read-only: {reason}. Name the primary server in DATABASE_URL, not a "
            "standby, and look at default_transaction_read_only."
        ) from None
    if state == _NOT_ALLOWED:
        raise DatabaseNotWritableError(
            f"{named} does not allow this to its user: {reason}. Name in DATABASE_URL the user "
            "that owns the tables, or one with its role."
        ) from None


@retry_transient
def check_reachable(engine: sa.Engine) -> None:
    """Connect once; raise `DatabaseUnreachableError` if that fails."""
    with translate_connection_errors(engine, first=True), engine.connect() as connection:
        connection.execute(sa.select(1))


def _is_connection_error(error: DBAPIError | psycopg.Error | UnicodeError) -> bool:
    """Return whether the connection was lost or refused, not a statement.

    The server's refusals carry an SQLSTATE. Without one the client never got an answer; class
    08 is a broken connection, 28 a refused login, 3D a database that isn't there, 53300 too many
    connections, 57P the server shutting down.
    """
    if isinstance(error, UnicodeError):
        return names_no_host(error)
    original = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(original, psycopg.ProgrammingError):
        return "invalid connection option" in str(original)  # a typing error in the URL's query
    if not isinstance(original, psycopg.OperationalError):
        return False
    state = original.sqlstate or "08"
    return state.startswith(("08", "28", "3D", "53300", "57P"))


def _redact_reason(error: Exception, url: sa.URL) -> str:
    """Return the first line of the server's reason, with any echo of a password taken out."""
    original = error.orig if isinstance(error, DBAPIError) else error
    line = next(iter(str(original).strip().splitlines()), type(original).__name__)
    for secret in _list_secrets(url):
        line = line.replace(secret, "***")
    return redact_text(line).rstrip(".;: ")


def _list_secrets(url: sa.URL) -> list[str]:
    """Return what may be secret in `url`, as typed and as sent, longest first."""
    passwords = [str(url.password or "")]
    for name, value in url.query.items():
        texts = [value] if isinstance(value, str) else value
        long = [text for text in texts if len(text) >= _SHORTEST_TOKEN and name not in _PLACES]
        passwords += texts if "password" in name.lower() else long
    spellings = {form(word) for word in passwords if word for form in (str, quote, quote_plus)}
    return sorted(spellings, key=len, reverse=True)
