"""What research refuses, each with a text of one line."""

from strategies.errors import GauntletError


class InvalidFoldsError(GauntletError):
    """A window can't be divided into training and test as asked."""


class InvalidResultError(GauntletError):
    """A result, a trade, a run or a failure is not fit to be stored; nothing was written."""


class InvalidCurvesError(GauntletError):
    """Curves, or an argument of a statistic, that it cannot be computed from."""


class InvalidPortfolioError(GauntletError):
    """The definition of a portfolio is refused; `key` is where it is wrong."""

    def __init__(self, message: str, key: str = "") -> None:
        super().__init__(message)
        self.key = key


class DifferentBitsError(GauntletError):
    """Two machines computed different numbers from the same bars with the same code."""
