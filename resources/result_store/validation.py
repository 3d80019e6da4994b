"""What the store's methods accept as arguments; anything else is refused with what is allowed."""

import math
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from numbers import Real
from typing import Any
from uuid import UUID

from engine.metrics import METRICS
from research.purpose import Purpose
from resources.result_store.errors import InvalidArgumentError, UnknownMetricError
from strategies.errors import did_you_mean

_GREATEST_INTEGER = 2**31 - 1
"""What PostgreSQL's integer holds."""


def require_int(name: str, value: Any, least: int) -> int:
    """Return an integer of at least `least`."""
    allowed = isinstance(value, int) and not isinstance(value, bool)
    if not allowed or not least <= value <= _GREATEST_INTEGER:
        raise InvalidArgumentError(
            f"{name} is {value!r}; allowed: integers from {least} to {_GREATEST_INTEGER}."
        )
    return value


def require_seconds(name: str, value: Any) -> float | None:
    """Return a number of seconds, 0 or more; None for an unknown one."""
    if value is None:
        return None
    seconds = float(value) if isinstance(value, Real) and not isinstance(value, bool) else -1.0
    if not 0.0 <= seconds < math.inf:
        raise InvalidArgumentError(f"{name} is {value!r}; allowed: seconds from 0, or None.")
    return seconds


def require_limit(value: Any) -> int | None:
    """Return how many rows are wanted at most; None for all."""
    return None if value is None else require_int("limit", value, 1)


def require_text(name: str, value: Any) -> str:
    """Return a text that is not empty, without NUL, which no text of PostgreSQL can hold."""
    if not isinstance(value, str) or not value or "\0" in value:
        raise InvalidArgumentError(
            f"{name} is {value!r}; allowed: a text that is not empty, without NUL."
        )
    return value


def require_texts(name: str, values: Any) -> list[str] | None:
    """Return texts, one or several; None for all there are."""
    if values is None:
        return None
    several = [values] if isinstance(values, str) else values
    if not isinstance(several, Iterable):
        raise InvalidArgumentError(f"{name} is {values!r}; allowed: a list of texts, or None.")
    return [require_text(name, value) for value in several]


def require_run_id(value: Any) -> str:
    """Return what may be a run's identifier; an empty one is that of no run."""
    return value if value == "" else require_text("run_id", value)


def require_purpose(value: Any, run_id: Any = None) -> Purpose:
    """Return a purpose, of a run if one is given; what no run saves has the purpose notebook."""
    by_no_run = run_id is not None and require_run_id(run_id) == ""
    allowed = [Purpose.NOTEBOOK] if by_no_run else list(Purpose)
    if value not in allowed:
        raise InvalidArgumentError(f"purpose is {value!r}; allowed: {', '.join(allowed)}.")
    return Purpose(value)


def parse_uuid(value: Any) -> UUID | None:
    """Return an identifier, or None for what cannot be the identifier of anything."""
    try:
        return UUID(str(value))
    except ValueError:
        return None


def parse_uuids(values: Any) -> list[UUID]:
    """Return identifiers, one or several, without what cannot be one."""
    several = [values] if isinstance(values, (str, UUID)) else values
    if not isinstance(several, Iterable):
        raise InvalidArgumentError(
            f"identifiers is {values!r}; allowed: identifiers, one or a list of them."
        )
    return [known for value in several if (known := parse_uuid(value))]


def require_json_object(name: str, value: Any) -> dict[str, Any]:
    """Return a dict of what may become a JSON object; an empty one for None."""
    if value is not None and not isinstance(value, Mapping):
        raise InvalidArgumentError(f"{name} is {value!r}; allowed: a dict, or None.")
    return dict(value or {})


def require_period(start: Any, end: Any) -> tuple[date, date]:
    """Return a first and a last day."""
    for name, day in (("start", start), ("end", end)):
        if not isinstance(day, date) or isinstance(day, datetime):
            raise InvalidArgumentError(f"{name} is {day!r}; allowed: a date.")
    if start > end:
        raise InvalidArgumentError(f"start {start} is after end {end}; allowed: up to {end}.")
    return start, end


def require_metric(name: Any) -> str:
    """Return the name of a metric.

    Raises
    ------
    UnknownMetricError
        With the valid names.
    """
    if not isinstance(name, str) or name not in METRICS:
        raise UnknownMetricError(
            f"There is no metric '{name}'.{did_you_mean(str(name), METRICS)} "
            f"Metrics are: {', '.join(METRICS)}."
        )
    return name
