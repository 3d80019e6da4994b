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


class WorkersLostError(GauntletError):
    """A process that ran backtests has died."""
