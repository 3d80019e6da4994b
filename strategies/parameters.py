"""Parameters of a strategy: how they are declared, and what is refused.

A parameter is a number in a range, a text out of several, or several of them in one text.
"""

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping
from numbers import Real
from typing import Any

from strategies.errors import InvalidParameterError, did_you_mean

SEPARATOR = "+"
"""Between the texts of a parameter that takes several."""


def parameter(
    default: float, *, minimum: float, maximum: float | None = None, sweep: tuple[float, ...]
) -> Any:
    """Declare a parameter with its default, its allowed range (inclusive) and its sweep values."""
    return dataclasses.field(
        default=default, metadata={"minimum": minimum, "maximum": maximum, "sweep": sweep}
    )


def choice(
    default: str,
    *,
    allowed: Callable[[], Iterable[str]],
    several: bool = False,
    sweep: tuple[str, ...],
) -> Any:
    """Declare a parameter that is one of some texts; with `several`, some of them in one text.

    Several are written as ``"macd+rsi"``; they are kept in alphabetical order, so that the same
    ones are always written alike. `allowed` is asked when a strategy is built.
    """
    metadata = {"allowed": allowed, "several": several, "sweep": sweep}
    return dataclasses.field(default=default, metadata=metadata)


def describe_value(value: float | str) -> str:
    """Return a parameter's value as people read it."""
    return value if isinstance(value, str) else f"{value:g}"


def describe_parameters(parameters: Mapping[str, float | str]) -> str:
    """Return parameters in one line."""
    return ", ".join(f"{name} {describe_value(value)}" for name, value in parameters.items())


def convert(strategy: str, field: dataclasses.Field[Any], kind: type, value: Any) -> Any:
    """Return a value as its field declares it.

    Raises
    ------
    InvalidParameterError
        For a value of the wrong type, out of range, or that is not among those allowed.
    """
    where = f"{strategy} needs {field.name}"
    if "allowed" in field.metadata:
        return _convert_text(where, field.metadata, value)
    number = _convert_number(where, kind, value)
    low, high = field.metadata["minimum"], field.metadata["maximum"]
    if number < low or (high is not None and number > high):
        upto = f" to {high}" if high is not None else " or more"
        raise InvalidParameterError(f"{where} of {low}{upto}, but got {number}.")
    return number


def _convert_number(where: str, kind: type, value: Any) -> int | float:
    """Return `value` as `kind`; refuse what would have to be rounded or guessed."""
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    if is_number and math.isfinite(value) and (kind is float or float(value).is_integer()):
        return kind(value)
    a_kind = "a whole" if kind is int else "a"
    raise InvalidParameterError(f"{where} to be {a_kind} number, but got {value!r}.")


def _convert_text(where: str, declared: Any, value: Any) -> str:
    allowed = list(declared["allowed"]())
    if not isinstance(value, str):
        raise InvalidParameterError(
            f"{where} to be a text, but got {value!r}. Allowed: {', '.join(allowed)}."
        )
    texts = [one.strip() for one in value.split(SEPARATOR)] if declared["several"] else [value]
    for text in texts:
        if text not in allowed:
            some = f" or several of them, joined by '{SEPARATOR}'" if declared["several"] else ""
            raise InvalidParameterError(
                f"{where} to be one of {', '.join(allowed)}{some}, but got '{text}'."
                f"{did_you_mean(text, allowed)}"
            )
    if len(set(texts)) < len(texts):
        raise InvalidParameterError(f"{where} to name each once, but got '{value}'.")
    return SEPARATOR.join(sorted(texts))
