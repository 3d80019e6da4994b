"""Which points of its parameters a strategy is tried at: a whole grid, or some of it by a seed."""

from collections.abc import Iterator, Mapping, Sequence
from math import prod
from random import Random
from typing import Any

from engine.parameter_grid import ParameterGrid, build_grid, collect_points, require_ranges
from strategies.errors import InvalidParameterError


def build_points(
    strategy: str,
    ranges: Mapping[str, Sequence[Any]] | None = None,
    *,
    points: int | None = None,
    seed: int = 0,
) -> ParameterGrid:
    """Return the points of a sweep, each once.

    The whole grid of `ranges`, or of the strategy's own; with `points`, so many of it, drawn
    without replacement: the same seed draws the same ones. Points that break a rule between
    parameters are skipped, also of those that were drawn, and counted. One that is allowed and can
    never trade (no close is 3 deviations from the mean of 10) is tried like any other.

    Parameters
    ----------
    strategy
        Name of a registered strategy.
    ranges
        Values by parameter; a parameter that is left out keeps its default.

    Raises
    ------
    UnknownStrategyError, InvalidParameterError
        As `engine.parameter_grid.build_grid`, and for a number of points below 1.
    """
    if points is None:
        grid = build_grid(strategy, ranges)
    elif type(points) is not int or points < 1:
        raise InvalidParameterError(f"points is {points!r}; allowed: whole numbers from 1.")
    else:
        values_of = require_ranges(strategy, ranges)
        grid = collect_points(strategy, _draw(values_of, points, seed))
    return ParameterGrid(list(dict.fromkeys(grid.strategies)), grid.skipped)


def _draw(
    values_of: Mapping[str, Sequence[Any]], points: int, seed: int
) -> Iterator[dict[str, Any]]:
    size = prod(len(values) for values in values_of.values())
    drawn = Random(seed).sample(range(size), min(points, size))  # noqa: S311 - no secret
    for place in sorted(drawn):
        rest, point = place, {}
        for name, values in reversed(list(values_of.items())):
            rest, number = divmod(rest, len(values))
            point[name] = values[number]
        yield {name: point[name] for name in values_of}
