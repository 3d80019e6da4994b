"""What the result store refuses, each with a text of one line that never holds a password."""

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
        Whether it may be gone at the next try; a password that is wrong stays so.
    """

    def __init__(self, text: str, transient: bool = True) -> None:
        super().__init__(text)
        self.transient = transient


class DatabaseFullError(ResultStoreError):
    """The database's disk has no space left; nothing of the statement was kept."""


class EmbeddedPostgresError(ResultStoreError):
    """The embedded PostgreSQL did not start."""


class SchemaMismatchError(ResultStoreError):
    """The database's schema is of a version that this code does not know."""


class InvalidArgumentError(ResultStoreError):
    """The store was asked for something that makes no sense."""


class UnknownMetricError(ResultStoreError):
    """No metric of that name is stored."""
