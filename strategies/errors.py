"""The base of every error that this project raises on purpose.

It is in the lowest layer because every layer above may import it. Its text is one or two sentences
for the user: what was refused, where, and what is allowed; never a secret.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class GauntletError(Exception):
    """Something was refused or failed; the one-line text says why.

    `transient` says whether a retry may succeed.
    """

    transient: bool = False


class UnknownStrategyError(GauntletError):
    """No strategy of that name is registered."""


class AmbiguousStrategyError(GauntletError):
    """A file defines more than one strategy."""


class InvalidParameterError(GauntletError):
    """A strategy's parameter is unknown, of the wrong type or out of range."""


class InvalidCombinationError(InvalidParameterError):
    """Each parameter is allowed, but not their combination."""


def did_you_mean(wrong: str, allowed: Iterable[str]) -> str:
    """Return ``" Did you mean 'x'?"`` for the name in `allowed` closest to `wrong`, else ``""``."""
    close = get_close_matches(wrong, list(allowed), n=1)
    return f" Did you mean '{close[0]}'?" if close else ""
