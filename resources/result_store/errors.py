"""What the result store refuses, each with a text of one line that never holds a password."""

from strategies.errors import GauntletError


class ResultStoreError(GauntletError):
    """Root of everything that the result store refuses or fails at."""


class InvalidDatabaseUrlError(ResultStoreError):
    """The URL is not one of PostgreSQL."""


class DatabaseUnreachableError(ResultStoreError):
    """No connection to the database could be made, or it broke."""


class EmbeddedPostgresError(ResultStoreError):
    """The embedded PostgreSQL did not start."""


class SchemaMismatchError(ResultStoreError):
    """The database's schema is of a version that this code does not know."""


class InvalidResultError(ResultStoreError):
    """A result, a trade, a run or a failure is not fit to be stored; nothing was written."""


class UnknownMetricError(ResultStoreError):
    """No metric of that name is stored."""
