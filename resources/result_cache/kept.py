"""What is known under a key, in one SQLite file that any number of processes may share.

A value is kept with a digest of its key and itself: one that was damaged, or that belongs to
another key, is not believed. Each write is one transaction. Values are bytes of a plain format;
nothing is unpickled. Whatever happens to the file, the worst is that nothing is known: a trouble
is noted and never raised.
"""

import hashlib
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import uuid4

# How long one process waits for another's transaction, each of which takes milliseconds.
_PATIENCE_SECONDS = 30.0

# SQLite allows a statement some ten thousand parameters, old ones 999.
_KEYS_A_QUESTION = 500

_SCHEMA = """
CREATE TABLE IF NOT EXISTS kept (
    kind TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, digest BLOB NOT NULL,
    kept_at REAL NOT NULL, PRIMARY KEY (kind, key)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS kept_by_age ON kept (kind, kept_at);
"""


class Kept:
    """Values by kind and key; close it, or use it in a ``with`` statement.

    Parameters
    ----------
    path
        The file; it and its folder are made when they are not there.
    ask
        Whether what is known is given out; False remembers only, for a run that believes nothing.

    Attributes
    ----------
    troubles
        What was not as it should be, a sentence each, for the run's log.
    """

    def __init__(self, path: Path, ask: bool = True) -> None:
        self.path, self.ask = path, ask
        self.troubles: list[str] = []
        self._connection: sqlite3.Connection | None = None
        with self._noting():
            self._connection = self._opened()

    def get(self, kind: str, keys: Sequence[str]) -> dict[str, bytes]:
        """Return what is known of some keys; a key of which nothing is known is not in it."""
        found: dict[str, bytes] = {}
        if not self.ask:
            return found
        damaged = 0
        for start in range(0, len(keys), _KEYS_A_QUESTION):
            for key, value, digest in self._rows(kind, keys[start : start + _KEYS_A_QUESTION]):
                if isinstance(value, bytes) and digest == _digest(kind, key, value):
                    found[key] = value
                else:
                    damaged += 1
        if damaged:
            self.troubles.append(f"{damaged} entries of {self.path} are damaged")
        return found

    def put(self, kind: str, values: Mapping[str, bytes]) -> None:
        """Remember values, in place of what was known under their keys."""
        now = time.time()
        rows = [(kind, key, value, _digest(kind, key, value), now) for key, value in values.items()]
        with self._noting():
            if rows and self._connection:
                statement = "INSERT OR REPLACE INTO kept VALUES (?, ?, ?, ?, ?)"
                with self._connection as transaction:
                    transaction.executemany(statement, rows)

    def prune(self, kind: str, most: int) -> None:
        """Forget the oldest of a kind beyond so many."""
        which = "SELECT key FROM kept WHERE kind = ? ORDER BY kept_at DESC LIMIT -1 OFFSET ?"
        with self._noting():
            if self._connection:
                with self._connection as transaction:
                    statement = f"DELETE FROM kept WHERE kind = ? AND key IN ({which})"  # noqa: S608
                    transaction.execute(statement, (kind, kind, most))

    def close(self) -> None:
        """Let go of the file."""
        if self._connection:
            self._connection.close()
        self._connection = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _rows(self, kind: str, keys: Sequence[str]) -> list[tuple[str, bytes, bytes]]:
        marks = ", ".join("?" * len(keys))
        statement = f"SELECT key, value, digest FROM kept WHERE kind = ? AND key IN ({marks})"  # noqa: S608
        with self._noting():
            if self._connection:
                return self._connection.execute(statement, (kind, *keys)).fetchall()
        return []

    def _opened(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self.path, timeout=_PATIENCE_SECONDS)
        try:
            # Readers and a writer side by side. What a power cut loses is computed again.
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.executescript(_SCHEMA)
        except BaseException:
            connection.close()
            raise
        return connection

    @contextmanager
    def _noting(self) -> Iterator[None]:
        """Turn what goes wrong with the file into a trouble; a damaged file is put aside."""
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            self.troubles.append(f"{self.path} can't be used: {error}")
            self.close()
            # A database that is busy or a disk that is full is not damaged.
            if isinstance(error, sqlite3.DatabaseError) and not isinstance(
                error, sqlite3.OperationalError
            ):
                self._put_aside()

    def _put_aside(self) -> None:
        aside = self.path.with_name(f"{self.path.name}.damaged-{uuid4().hex[:8]}")
        with suppress(OSError):
            self.path.rename(aside)
            self.troubles.append(f"it is put aside as {aside.name}, and the next run begins anew")
        for suffix in ("-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)


def _digest(kind: str, key: str, value: bytes) -> bytes:
    return hashlib.sha256(f"{kind} {key} {len(value)}\n".encode() + value).digest()
