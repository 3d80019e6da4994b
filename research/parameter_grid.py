"""Parameter sweeps: the grid of a strategy's ranges, and the results over it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from engine.backtest import VectorBTEngine
from engine.equal_weight import EqualWeight
from engine.history import History
from engine.results import BatchOutcome
from engine.settings import Window
from strategies.base import Strategy
from strategies.errors import InvalidCombinationError, InvalidParameterError
from strategies.registry import STRATEGY_TEMPLATES, get_strategy


@dataclass(frozen=True)
class Grid:
    """The points of a sweep.

    Parameters
    ----------
    strategies
        One a point, in the order of the ranges, the last parameter changing fastest.
    skipped
        The points that break a rule between parameters (fast below slow).
    """

    strategies: list[Strategy]
    skipped: list[dict[str, Any]]


@dataclass(frozen=True, repr=False)
class SweepOutcome(BatchOutcome):
    """What a sweep gave; `skipped` as in `Grid`."""

    skipped: list[dict[str, Any]] = field(default_factory=list)


def grid_of(strategy_type: str, ranges: Mapping[str, Sequence[Any]] | None = None) -> Grid:
    """Return the points of `ranges`, or of all the strategy's own ranges.

    Parameters
    ----------
    strategy_type
        Name of a registered strategy.
    ranges
        Values by parameter; a parameter that is left out keeps its default.

    Raises
    ------
    UnknownStrategyError, InvalidParameterError
        For an unknown name, an empty range, a value out of bounds, or a grid of which no point
        is allowed.
    """
    strategy = get_strategy(strategy_type)
    if ranges is not None and not isinstance(ranges, Mapping):
        raise InvalidParameterError(
            f'ranges is {ranges!r}; needed: values by parameter, as in {{"fast_period": [5, 10]}}.'
        )
    given = dict(STRATEGY_TEMPLATES[strategy_type]["ranges"] if ranges is None else ranges)
    for name, values in given.items():
        if isinstance(values, str) or not isinstance(values, Iterable):
            raise InvalidParameterError(
                f"The range of {strategy_type}'s '{name}' is {values!r}; needed: several values."
            )
        given[name] = list(values)
        if not given[name]:
            raise InvalidParameterError(f"The range of {strategy_type}'s '{name}' has no value.")
    strategies: list[Strategy] = []
    skipped: list[dict[str, Any]] = []
    for values in product(*given.values()):
        point = dict(zip(given, values, strict=True))
        try:
            strategies.append(strategy.from_mapping(point))
        except InvalidCombinationError:
            skipped.append(point)
    if not strategies:
        raise InvalidParameterError(
            f"No point of the grid of {strategy_type} is allowed; all {len(skipped)} break a rule "
            f"between parameters, the first of them {skipped[0]}."
        )
    return Grid(strategies, skipped)


def sweep(
    engine: VectorBTEngine,
    histories: Iterable[History],
    strategy_type: str,
    window: Window,
    ranges: Mapping[str, Sequence[Any]] | None = None,
    universe: EqualWeight | None = None,
) -> SweepOutcome:
    """Return every symbol under every point of the strategy's ranges, or of those given.

    An indicator that several points need is computed once per symbol. Points that break a rule
    between parameters are skipped, and listed.

    Raises
    ------
    UnknownStrategyError, InvalidParameterError
        As `grid_of`.
    """
    grid = grid_of(strategy_type, ranges)
    outcome = engine.run_batch(histories, grid.strategies, window, universe)
    return SweepOutcome(outcome.results, outcome.failures, outcome.indicators, grid.skipped)
