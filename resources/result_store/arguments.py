"""What the store's methods refuse to be asked, each with what is allowed."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from engine.metrics import METRICS
from resources.result_store.errors import InvalidArgumentError, UnknownMetricError
from strategies.errors import did_you_mean


def whole(name: str, value: Any, least: int) -> int:
    """Return a whole number of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InvalidArgumentError(f"{name} is {value!r}; allowed: whole, {least} or more.")
    return value


def limit_of(value: Any) -> int | None:
    """Return how many rows are wanted at most; None for all."""
    return None if value is None else whole("limit", value, 1)


def words(name: str, value: Any) -> str:
    """Return a text that is not empty."""
    if not isinstance(value, str) or not value:
        raise InvalidArgumentError(f"{name} is {value!r}; allowed: a text that is not empty.")
    return value


def words_of(name: str, values: Any) -> list[str] | None:
    """Return texts, of which one may stand alone; None for all there are."""
    if values is None:
        return None
    several = [values] if isinstance(values, str) else values
    if not isinstance(several, Iterable):
        raise InvalidArgumentError(f"{name} is {values!r}; allowed: a list of texts, or None.")
    return [words(name, value) for value in several]


def period(start: Any, end: Any) -> tuple[date, date]:
    """Return a first and a last day."""
    for name, day in (("start", start), ("end", end)):
        if not isinstance(day, date) or isinstance(day, datetime):
            raise InvalidArgumentError(f"{name} is {day!r}; allowed: a date.")
    if start > end:
        raise InvalidArgumentError(f"start {start} is after end {end}; allowed: up to {end}.")
    return start, end


def metric_of(name: Any) -> str:
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
