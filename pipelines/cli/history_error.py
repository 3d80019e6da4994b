"""What is said when Dagster's history can't be read."""

from typing import Self

from resources.error_lines import describe_error
from strategies.errors import GauntletError


class NoHistoryError(GauntletError):
    """Dagster's history, which says what ran and what failed, can't be read."""

    @classmethod
    def of(cls, error: Exception) -> Self:
        """Return it for what Dagster raised."""
        return cls(f"Dagster's history can't be read: {describe_error(error)}")
