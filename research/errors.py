"""What research refuses, each with a text of one line."""

from strategies.errors import GauntletError


class InvalidFoldsError(GauntletError):
    """A window can't be divided into training and test as asked."""


class InvalidResultError(GauntletError):
    """A result, a trade, a run or a failure is not fit to be stored; nothing was written."""


class InvalidCurvesError(GauntletError):
    """Curves, or an argument of a statistic, that it cannot be computed from."""
