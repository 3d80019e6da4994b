"""Parameter grids: all points of a strategy's ranges, and the results over them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any

from engine.equal_weight import EqualWeight
from engine.history import History
from engine.settings import Window
from strategies.base import Strategy
from strategies.errors import InvalidCombinationError, InvalidParameterError
from strategies.registry import STRATEGY_TEMPLATES, get_strategy

if TYPE_CHECKING:
    from engine.backtest import VectorBTEngine
    from engine.sweeps import Sweep


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
    values_of = require_ranges(strategy_type, ranges)
    points = (dict(zip(values_of, one, strict=True)) for one in product(*values_of.values()))
    return collect_points(strategy_type, points)


def collect_points(strategy_type: str, points: Iterable[Mapping[str, Any]]) -> ParameterGrid:
    """Return points as strategies; those that break a rule between parameters are skipped.

    Raises
    ------
    UnknownStrategyError, InvalidParameterError
        For an unknown name or parameter, a value out of bounds, or points of which none is allowed.
    """
    strategy = get_strategy(strategy_type)
    strategies: list[Strategy] = []
    skipped: list[dict[str, Any]] = []
    for point in points:
        try:
            strategies.append(strategy.from_mapping(point))
        except InvalidCombinationError:
            skipped.append(dict(point))
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
) -> "Sweep":
    """Return every symbol at every point of a strategy's ranges, computed as it is read.

    An indicator that several points need is computed once per symbol. Points that break a rule
    between parameters are skipped, and listed.

    Raises
    ------
    UnknownStrategyError, InvalidParameterError
        As `build_grid`.
    InvalidInputError
        As `VectorBTEngine.run_batches`.
    """
    from engine.sweeps import Sweep

    grid = build_grid(strategy_type, ranges)
    run = partial(engine.run_batches, histories, grid.strategies, window, universe)
    run()  # refuses what is wrong now, and computes nothing
    return Sweep(histories, grid, run)


def require_ranges(
    strategy_type: str, ranges: Mapping[str, Sequence[Any]] | None = None
) -> dict[str, list[Any]]:
    """Return the values of each range, those of the strategy's own by default.

    Raises
    ------
    UnknownStrategyError, InvalidParameterError
        For an unknown name, and for what is not several values by parameter.
    """
    get_strategy(strategy_type)
    if ranges is None:
        ranges = STRATEGY_TEMPLATES[strategy_type]["ranges"]
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
