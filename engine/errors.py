"""Errors that the engine raises on purpose."""

from strategies.errors import GauntletError


class InvalidInputError(GauntletError):
    """An argument has the wrong type."""


class InvalidSettingsError(GauntletError):
    """A cost, capital, execution, stop or window is out of range."""


class UnusableBarsError(GauntletError):
    """A symbol's bars cannot be simulated: none in the window, or values that are not prices."""


class InvalidSignalsError(GauntletError):
    """A strategy returned something other than one boolean per bar."""


class StrategyFailedError(GauntletError):
    """A strategy raised, or returned no usable signals, on one symbol."""


class UnbalancedAccountError(GauntletError):
    """Cash and positions of an account are not its equity."""


class UnlikeResultError(GauntletError):
    """What another library would make of a result is not the result."""


class MissingPackageError(GauntletError):
    """An optional dependency is not installed; the text says how to install it."""

    @classmethod
    def of(cls, what: str, extra: str) -> "MissingPackageError":
        """Return the error of `what`, which needs the optional dependencies `extra`."""
        return cls(
            f"{what} needs packages that are not installed: run make setup EXTRAS={extra}, or "
            f"pip install '.[{extra}]' in an environment of your own."
        )
