"""The root of every error that this project raises on purpose.

It stands on the ground floor because every room above may import it. An error of this family
is written for the person at the keyboard: its text is one sentence or two that say what was
refused, where, and what is allowed, and it never holds a secret.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class GauntletError(Exception):
    """Something was refused or failed for a reason that its one-line text explains.

    `transient` says whether the reason may be gone at the next try.
    """

    transient: bool = False


class UnknownStrategyError(GauntletError):
    """No strategy of that name is registered."""


class AmbiguousStrategyError(GauntletError):
    """A file defines more than one strategy."""


class InvalidParameterError(GauntletError):
    """A strategy's parameter is unknown, of the wrong type or out of range."""


class InvalidCombinationError(InvalidParameterError):
    """Each parameter is allowed, but not together with the others."""


def did_you_mean(wrong: str, allowed: Iterable[str]) -> str:
    """Return ``" Did you mean 'x'?"`` for the name in `allowed` closest to `wrong`, else ``""``."""
    close = get_close_matches(wrong, list(allowed), n=1)
    return f" Did you mean '{close[0]}'?" if close else ""
