"""What is handed to the engine, checked at its door: one clear error instead of a strange one."""

from collections.abc import Iterable, Iterator
from typing import Any

from engine.equal_weight import EqualWeight
from engine.errors import InvalidInputError
from engine.history import History
from engine.settings import Window
from strategies.base import Strategy

_A_STRATEGY = 'a strategy object, such as get_strategy("sma_cross")(), or several of them'


def strategies_of(given: Any) -> list[Strategy]:
    """Return one strategy or several as a list.

    Raises
    ------
    InvalidInputError
        For none at all, a name, a class, or anything else that is no strategy.
    """
    if isinstance(given, Strategy):
        return [given]
    if isinstance(given, str | type) or not isinstance(given, Iterable):
        raise InvalidInputError(f"strategies is {_shown(given)}; needed: {_A_STRATEGY}.")
    several = list(given)
    for one in several:
        if not isinstance(one, Strategy):
            raise InvalidInputError(f"strategies holds {_shown(one)}; needed: {_A_STRATEGY}.")
    if not several:
        raise InvalidInputError(f"strategies is empty; needed: {_A_STRATEGY}.")
    return several


def histories_of(given: Any) -> Iterator[History]:
    """Yield the histories, each checked as it is taken.

    Raises
    ------
    InvalidInputError
        For a single history, and for anything that is none.
    """
    if isinstance(given, History | str | dict) or not isinstance(given, Iterable):
        raise InvalidInputError(
            f"histories is {_shown(given)}; needed: several of them, as in [history]."
        )
    return _each_a_history(given)


def require_window(given: Any) -> None:
    """Refuse what is no window."""
    if not isinstance(given, Window):
        raise InvalidInputError(f"window is {_shown(given)}; needed: Window(start, end).")


def require_universe(given: Any) -> None:
    """Refuse what is no equal-weight universe, and not None."""
    if given is not None and not isinstance(given, EqualWeight):
        raise InvalidInputError(
            f"universe is {_shown(given)}; needed: EqualWeight.of(histories, window), or None."
        )


def _each_a_history(given: Iterable[Any]) -> Iterator[History]:
    for one in given:
        if not isinstance(one, History):
            raise InvalidInputError(
                f"histories holds {_shown(one)}; needed: engine.history.History, which "
                "engine.data_provider.history_of(symbol, frame) makes of a pandas frame."
            )
        yield one


def _shown(given: Any) -> str:
    if given is None or isinstance(given, str | int | float):
        return repr(given)
    return f"the class {given.__name__}" if isinstance(given, type) else f"a {type(given).__name__}"
