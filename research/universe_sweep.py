"""Sweeps of several strategies over a universe, all in one pass over its symbols."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from engine.backtest import VectorBTEngine
from engine.equal_weight import EqualWeight
from engine.failure import Failure
from engine.history import History
from engine.outcomes import BatchOutcome
from engine.settings import Window
from research.universe_curves import UniverseCurves, UniverseCurveSum
from strategies.base import Floats, Ints, Strategy

MEASURED = (
    *("total_return", "annualized_return", "annualized_volatility", "sharpe_ratio"),
    *("sortino_ratio", "max_drawdown", "closed_trades", "win_rate", "profit_factor"),
    *("exposure", "turnover", "universe_excess_return"),
)
"""The metrics that are kept of every point on every symbol."""


@dataclass(frozen=True, eq=False)
class PointMetrics:
    """What the points of one strategy made of a few symbols, one row per backtest.

    Parameters
    ----------
    symbols
        Names of the few symbols.
    symbol, point
        Of each row: the place of its symbol among them, and of its point in the grid, shape (M,);
        rows are by symbol and then point.
    columns
        The metrics of `MEASURED` by name, each of shape (M,); NaN where undefined.
    """

    symbols: Sequence[str]
    symbol: Ints
    point: Ints
    columns: Mapping[str, Floats]


@dataclass
class UniverseSweep:
    """All points of some strategies, tried on every symbol of a universe.

    A symbol is loaded once, and an indicator that several points need is computed once per symbol.
    Memory is needed for a few symbols, and for three numbers per point and day of the window.

    Parameters
    ----------
    points
        By name of the strategy.
    engine
        With the settings of all backtests; results do not depend on its memory budget.
    window
        The days that are traded.
    universe
        What the curves are compared with.

    Attributes
    ----------
    failures
        What could not be tested, by symbol and strategy; complete when `run` is.
    """

    points: Mapping[str, Sequence[Strategy]]
    engine: VectorBTEngine
    window: Window
    universe: EqualWeight
    failures: list[Failure] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._all = [one for some in self.points.values() for one in some]
        self._sum = UniverseCurveSum(self._all, self.window)

    def run(self, histories: Iterable[History]) -> Iterator[dict[str, PointMetrics]]:
        """Yield what became of a few symbols at a time, by strategy, and add to the curves.

        Histories are taken as they are needed.
        """
        for outcome in self.engine.run_batches(histories, self._all, self.window, self.universe):
            self._sum.add(outcome)
            self._note(outcome.failures)
            yield self._split(outcome)

    def curves(self) -> dict[str, UniverseCurves]:
        """Return the curves of all points over the symbols that have been run, by strategy."""
        return split_curves(self._sum.curves(self.universe), self.points)

    def _note(self, failures: Iterable[Failure]) -> None:
        # Each point of a strategy may fail on a symbol for the same reason, one after the other.
        known = {(one.symbol, one.strategy) for one in self.failures}
        for failure in failures:
            if (failure.symbol, failure.strategy) not in known:
                known.add((failure.symbol, failure.strategy))
                self.failures.append(failure)

    def _split(self, outcome: BatchOutcome) -> dict[str, PointMetrics]:
        symbols, symbol, point, columns = _read(outcome)
        found, first = {}, 0
        for name, some in self.points.items():
            rows = np.flatnonzero((point >= first) & (point < first + len(some)))
            of_strategy = {metric: values[rows] for metric, values in columns.items()}
            found[name] = PointMetrics(symbols, symbol[rows], point[rows] - first, of_strategy)
            first += len(some)
        return found


def split_curves(
    curves: UniverseCurves, points: Mapping[str, Sequence[Strategy]]
) -> dict[str, UniverseCurves]:
    """Return the curves of each strategy, of those of all strategies one after the other."""
    found, first = {}, 0
    for name, some in points.items():
        rows = slice(first, first + len(some))
        found[name] = UniverseCurves(
            some,
            curves.dates,
            curves.returns[rows],
            curves.exposure[rows],
            curves.activity[rows],
            curves.symbols[rows],
            curves.market,
        )
        first += len(some)
    return found


def _read(outcome: BatchOutcome) -> tuple[list[str], Ints, Ints, dict[str, Floats]]:
    """Return names of symbols, and symbol, point and metrics of each result, in their order."""
    names = {
        position: history.symbol
        for one in outcome.blocks
        for position, history in zip(one.block.positions, one.block.histories, strict=True)
    }
    symbol = [np.array(one.block.positions)[one.symbol_of] for one in outcome.blocks]
    point = [one.block.first_strategy + one.strategy_of for one in outcome.blocks]
    nothing = [np.empty(0, dtype=np.int64)]
    places = np.concatenate([*nothing, *symbol]), np.concatenate([*nothing, *point])
    order = np.lexsort(places[::-1])
    listed = sorted(names)
    rows = np.searchsorted(listed, places[0][order])
    columns = {metric: outcome.column(metric).astype(np.float64) for metric in MEASURED}
    return [names[one] for one in listed], rows, places[1][order], columns
