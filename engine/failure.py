"""Failure as a value: what went wrong with one symbol, while the others go on."""

from dataclasses import dataclass


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
    """

    symbol: str
    error_class: str
    message: str
    strategy: str | None = None

    @classmethod
    def of(cls, symbol: str, error: Exception, strategy: str | None = None) -> "Failure":
        """Return the failure that `error` means for `symbol`."""
        text = " ".join(str(error).split()) or "no message"
        return cls(symbol, type(error).__name__, text, strategy)
