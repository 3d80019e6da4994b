"""What the engine refuses."""

from strategies.errors import GauntletError


class InvalidInputError(GauntletError):
    """Something of another kind than needed was handed to the engine."""


class InvalidSettingsError(GauntletError):
    """A cost, a capital, an execution, a stop or a window that makes no sense."""


class UnusableBarsError(GauntletError):
    """A symbol's bars cannot be simulated: none in the window, or values that are not prices."""


class InvalidSignalsError(GauntletError):
    """A strategy answered with something other than one boolean a bar."""


class StrategyFailedError(GauntletError):
    """A strategy raised, or gave no usable signals, on one symbol."""


class WorkersLostError(GauntletError):
    """A process that backtests were running on is gone."""
