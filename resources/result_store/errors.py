"""The errors of the result store, each with a message of one line that never holds a password."""

from strategies.errors import GauntletError


class ResultStoreError(GauntletError):
    """Root of everything that the result store refuses or fails at."""


class InvalidDatabaseUrlError(ResultStoreError):
    """The URL is not one of PostgreSQL."""


class DatabaseUnreachableError(ResultStoreError):
    """No connection to the database could be made, or it broke.

    Parameters
    ----------
    transient
        Whether the next try may succeed; with a wrong password it does not.
    """

    def __init__(self, text: str, transient: bool = True) -> None:
        super().__init__(text)
        self.transient = transient


class DatabaseFullError(ResultStoreError):
    """The database's disk has no space left; nothing of the statement was kept."""


class DatabaseNotWritableError(ResultStoreError):
    """The database is read-only, or does not allow its user to do this."""


class EmbeddedPostgresError(ResultStoreError):
    """The embedded PostgreSQL did not start."""


class SchemaMismatchError(ResultStoreError):
    """The database's schema is newer than this code."""


class InvalidArgumentError(ResultStoreError):
    """An argument that the store does not accept."""


class UnknownMetricError(ResultStoreError):
    """No metric of that name is stored."""
