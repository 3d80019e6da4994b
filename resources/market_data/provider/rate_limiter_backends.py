"""Where the next slot of a rate limiter is kept: in a file of this machine, or in PostgreSQL."""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import sqlalchemy as sa

from resources.files.private import create_private
from resources.market_data.provider.rate_limiter import MAX_LATE_SECONDS
from resources.result_store.connection import (
    create_engine_for,
    parse_url,
    translate_connection_errors,
)

_NOW = "extract(epoch FROM clock_timestamp())::double precision"
# Of several that create a table at once, PostgreSQL fails all but one, IF NOT EXISTS or not.
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('gauntlet rate_limits', 0))"
_CREATE = (
    "CREATE TABLE IF NOT EXISTS rate_limits "
    "(provider text PRIMARY KEY, next_slot double precision NOT NULL)"
)
_ADD = "INSERT INTO rate_limits VALUES (:provider, 0) ON CONFLICT DO NOTHING"
_TAKE = (
    f"UPDATE rate_limits SET next_slot = greatest(next_slot, {_NOW} - :late) + :space "  # noqa: S608
    f"WHERE provider = :provider AND next_slot <= {_NOW} RETURNING 0.0"
)
_WAIT = f"SELECT greatest(next_slot - {_NOW}, 0.001) FROM rate_limits WHERE provider = :provider"  # noqa: S608
_PAUSE = (
    f"UPDATE rate_limits SET next_slot = greatest(next_slot, {_NOW} + :seconds) "  # noqa: S608
    "WHERE provider = :provider"
)


class FileSlots:
    """A file on a local disk, for all processes of this machine; an empty one is due at once."""

    def __init__(self, path: Path) -> None:
        create_private(path.parent)
        self._path = path

    def take(self, space: float) -> float:
        """See `Slots.take`."""
        with self._lock() as (file, next_slot):
            now = time.time()
            if next_slot <= now:
                _replace(file, max(next_slot, now - MAX_LATE_SECONDS) + space)
            return max(next_slot - now, 0.0)

    def pause(self, seconds: float) -> None:
        """See `Slots.pause`."""
        with self._lock() as (file, next_slot):
            _replace(file, max(next_slot, time.time() + seconds))

    @contextmanager
    def _lock(self) -> Iterator[tuple[TextIO, float]]:
        # Opened each time, 20 us: the lock belongs to the open file, so it holds between threads.
        with self._path.open("a+", encoding="ascii") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            yield file, float(file.read() or 0)


def _replace(file: TextIO, next_slot: float) -> None:
    file.truncate(0)
    file.write(repr(next_slot))


class DatabaseSlots:
    """A row of the table `rate_limits`, for all machines; the server's clock counts.

    Raises DatabaseUnreachableError, in each method, when there is no connection.
    """

    def __init__(self, database_url: str, provider: str) -> None:
        engine = create_engine_for(parse_url(database_url))
        with translate_connection_errors(engine), engine.begin() as connection:
            for statement in (_LOCK, _CREATE, _ADD):
                connection.execute(sa.text(statement), {"provider": provider})
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._provider = provider

    def take(self, space: float) -> float:
        """See `Slots.take`."""
        taken = self._execute(_TAKE, space=space, late=MAX_LATE_SECONDS)
        return (taken or self._execute(_WAIT))[0]

    def pause(self, seconds: float) -> None:
        """See `Slots.pause`."""
        self._execute(_PAUSE, seconds=seconds)

    def _execute(self, statement: str, **values: float) -> list[float]:
        """Execute a statement; return the first column of its rows."""
        with translate_connection_errors(self._engine), self._engine.connect() as connection:
            result = connection.execute(sa.text(statement), {"provider": self._provider, **values})
            return [float(row[0]) for row in result] if result.returns_rows else []
