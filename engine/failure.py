"""Failures as values: what went wrong with one symbol, while the others continue."""

from dataclasses import dataclass

from strategies.errors import GauntletError


@dataclass(frozen=True)
class Failure:
    """A symbol that failed in a stage, and why.

    Parameters
    ----------
    symbol
        Its name.
    error_class
        Class of the exception.
    message
        Its text, on one line.
    strategy
        Name of the strategy, if the stage has one.
    transient
        Whether a retry may help, as after a provider's rate limit.
    """

    symbol: str
    error_class: str
    message: str
    strategy: str | None = None
    transient: bool = False

    @classmethod
    def of(cls, symbol: str, error: Exception, strategy: str | None = None) -> "Failure":
        """Return `error` as a failure of `symbol`."""
        text = " ".join(str(error).split()) or "no message"
        return cls(symbol, type(error).__name__, text, strategy, is_transient(error))


def is_transient(error: BaseException) -> bool:
    """Return whether a retry may help: a `GauntletError` says so itself.

    Of other errors only broken and timed out connections are transient; a full disk or a bug stays
    until it is fixed.
    """
    if isinstance(error, GauntletError):
        return error.transient
    return isinstance(error, (ConnectionError, TimeoutError))
