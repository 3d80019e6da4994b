"""Parameter grids: all points of a strategy's ranges, and the results over them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING, Any

from engine.equal_weight import EqualWeight
from engine.history import History
from engine.results import BatchOutcome
from engine.settings import Window
from strategies.base import Strategy
from strategies.errors import InvalidCombinationError, InvalidParameterError
from strategies.registry import STRATEGY_TEMPLATES, get_strategy

if TYPE_CHECKING:
    from engine.backtest import VectorBTEngine


@dataclass(frozen=True)
class ParameterGrid:
    """The points of a sweep.

    Parameters
    ----------
    strategies
        One per point, in the order of the ranges; the last parameter changes fastest.
    skipped
        The points that break a rule between parameters (fast below slow).
    """

    strategies: list[Strategy]
    skipped: list[dict[str, Any]]


@dataclass(frozen=True, repr=False)
class SweepOutcome(BatchOutcome):
    """The outcome of a sweep; `skipped` as in `ParameterGrid`."""

    skipped: list[dict[str, Any]] = field(default_factory=list)


def build_grid(
    strategy_type: str, ranges: Mapping[str, Sequence[Any]] | None = None
) -> ParameterGrid:
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
        For an unknown name, an empty range, a value out of bounds, or a grid without an allowed
        point.
    """
    strategy = get_strategy(strategy_type)
    if ranges is None:
        ranges = STRATEGY_TEMPLATES[strategy_type]["ranges"]
    values_of = _require_values(strategy_type, ranges)
    strategies: list[Strategy] = []
    skipped: list[dict[str, Any]] = []
    for values in product(*values_of.values()):
        point = dict(zip(values_of, values, strict=True))
        try:
            strategies.append(strategy.from_mapping(point))
        except InvalidCombinationError:
            skipped.append(point)
    if not strategies:
        raise InvalidParameterError(
            f"No point of the grid of {strategy_type} is allowed; all {len(skipped)} break a rule "
            f"between parameters, the first of them {skipped[0]}."
        )
    return ParameterGrid(strategies, skipped)


def sweep(
    engine: "VectorBTEngine",
    histories: Iterable[History],
    strategy_type: str,
    window: Window,
    ranges: Mapping[str, Sequence[Any]] | None = None,
    universe: EqualWeight | None = None,
) -> SweepOutcome:
    """Return the results of every symbol at every point of a strategy's ranges.

    An indicator that several points need is computed once per symbol. Points that break a rule
    between parameters are skipped, and listed.

    Raises
    ------
    UnknownStrategyError, InvalidParameterError
        As `build_grid`.
    """
    grid = build_grid(strategy_type, ranges)
    outcome = engine.run_batch(histories, grid.strategies, window, universe)
    return SweepOutcome(outcome.results, outcome.failures, outcome.indicators, grid.skipped)


def _require_values(strategy_type: str, ranges: Any) -> dict[str, list[Any]]:
    """Return the values of each range; refuse what is not several values by parameter."""
    if not isinstance(ranges, Mapping):
        raise InvalidParameterError(
            f'ranges is {ranges!r}; needed: values by parameter, as in {{"fast_period": [5, 10]}}.'
        )
    for name, values in ranges.items():
        if isinstance(values, str) or not isinstance(values, Iterable):
            raise InvalidParameterError(
                f"The range of {strategy_type}'s '{name}' is {values!r}; needed: several values."
            )
    values_of = {name: list(values) for name, values in ranges.items()}
    for name, values in values_of.items():
        if not values:
            raise InvalidParameterError(f"The range of {strategy_type}'s '{name}' has no value.")
    return values_of
