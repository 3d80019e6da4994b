"""Arguments of the engine, validated before any work: one clear error, not one from deep inside."""

from collections.abc import Iterable, Iterator
from typing import Any

from engine.equal_weight import EqualWeight
from engine.errors import InvalidInputError
from engine.history import History
from engine.settings import Window
from strategies.base import Strategy

_A_STRATEGY = 'a strategy object, such as get_strategy("sma_cross")(), or several of them'


def require_strategies(given: Any) -> list[Strategy]:
    """Return one strategy or several as a list.

    Raises
    ------
    InvalidInputError
        For an empty list, a name, a class, or anything else that is not a strategy.
    """
    if isinstance(given, Strategy):
        return [given]
    if isinstance(given, str | type) or not isinstance(given, Iterable):
        raise InvalidInputError(f"strategies is {_describe(given)}; needed: {_A_STRATEGY}.")
    several = list(given)
    for one in several:
        if not isinstance(one, Strategy):
            raise InvalidInputError(f"strategies holds {_describe(one)}; needed: {_A_STRATEGY}.")
    if not several:
        raise InvalidInputError(f"strategies is empty; needed: {_A_STRATEGY}.")
    return several


def require_histories(given: Any) -> Iterator[History]:
    """Yield the histories, each validated as it is taken.

    Raises
    ------
    InvalidInputError
        For a single history, and for anything that is not a history.
    """
    if isinstance(given, History | str | dict) or not isinstance(given, Iterable):
        raise InvalidInputError(
            f"histories is {_describe(given)}; needed: several of them, as in [history]."
        )
    return _yield_histories(given)


def require_window(given: Any) -> None:
    """Refuse what is not a window."""
    if not isinstance(given, Window):
        raise InvalidInputError(f"window is {_describe(given)}; needed: Window(start, end).")


def require_universe(given: Any) -> None:
    """Refuse what is neither an equal-weight universe nor None."""
    if given is not None and not isinstance(given, EqualWeight):
        raise InvalidInputError(
            f"universe is {_describe(given)}; needed: EqualWeight.of(histories, window), or None."
        )


def _yield_histories(given: Iterable[Any]) -> Iterator[History]:
    for one in given:
        if not isinstance(one, History):
            raise InvalidInputError(
                f"histories holds {_describe(one)}; needed: engine.history.History, which "
                "engine.data_provider.frame_to_history(symbol, frame) makes from a pandas frame."
            )
        yield one


def _describe(given: Any) -> str:
    if given is None or isinstance(given, str | int | float):
        return repr(given)
    return f"the class {given.__name__}" if isinstance(given, type) else f"a {type(given).__name__}"
