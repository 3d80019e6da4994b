"""Failure as a value: what went wrong with one symbol, while the others go on."""

from dataclasses import dataclass

from strategies.errors import GauntletError


@dataclass(frozen=True)
class Failure:
    """A symbol that could not be carried through a stage, and why.

    Parameters
    ----------
    symbol
        Its name.
    error_class
        The class of what was raised.
    message
        Its text, one line.
    strategy
        The strategy, where the stage has one.
    transient
        Whether trying again may help, as with a provider that was asked too much.
    """

    symbol: str
    error_class: str
    message: str
    strategy: str | None = None
    transient: bool = False

    @classmethod
    def of(cls, symbol: str, error: Exception, strategy: str | None = None) -> "Failure":
        """Return the failure that `error` means for `symbol`."""
        text = " ".join(str(error).split()) or "no message"
        return cls(symbol, type(error).__name__, text, strategy, is_transient(error))


def is_transient(error: BaseException) -> bool:
    """Return whether trying again may help: an error of ours says so itself.

    Of others only broken and timed out connections do; a full disk or a bug stays until somebody
    acts.
    """
    if isinstance(error, GauntletError):
        return error.transient
    return isinstance(error, (ConnectionError, TimeoutError))
