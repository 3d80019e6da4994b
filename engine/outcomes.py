"""What a batch produces: arrays per block, and objects of single results when they are taken."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import methodcaller
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engine.blocks import BlockOutcome
from engine.failure import Failure
from engine.metrics import METRICS, require_metric
from engine.results import BacktestResult, build_result
from strategies.base import Ints
from strategies.indicator_cache import CacheStats

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, repr=False, eq=False)
class BatchOutcome:
    """A batch's results and failures; each backtest asked for is in exactly one of them.

    It is a sequence of results, by symbol and then strategy. What it holds are arrays: a result
    becomes an object when it is taken, and a metric is computed when it is asked for.

    Parameters
    ----------
    blocks
        What was run.
    order
        The row of each result, those of all blocks counted one after the other, shape (M,).
    failures
        A failure without a strategy is the symbol's, under all strategies.
    indicators
        How many indicators were computed, and how many were cached for another strategy or point
        of a sweep.
    """

    blocks: Sequence[BlockOutcome]
    order: Ints
    failures: list[Failure]
    indicators: CacheStats

    @classmethod
    def join(cls, outcomes: Iterable["BatchOutcome"]) -> "BatchOutcome":
        """Return several batches as one, with all metrics and without their matrices."""
        blocks: list[BlockOutcome] = []
        orders: list[Ints] = [np.empty(0, dtype=np.int64)]
        failures: list[Failure] = []
        indicators, rows = CacheStats(), 0
        for one in outcomes:
            for block in one.blocks:
                block.measurement.settle()
            blocks += one.blocks
            orders.append(one.order + rows)
            rows += len(one)
            failures += one.failures
            indicators.add(one.indicators)
        return cls(blocks, np.concatenate(orders), failures, indicators)

    @cached_property
    def results(self) -> list[BacktestResult]:
        """All results as objects, made once and kept."""
        return list(self)

    def column(self, metric: str) -> NDArray[Any]:
        """Return one metric of all results, shape (M,); NaN where undefined, integers for counts.

        Raises
        ------
        InvalidSettingsError
            When there is no such metric; it says which there are.
        """
        require_metric(metric)
        values = self._gather([block.measurement.column(metric) for block in self.blocks])
        return np.where(np.isfinite(values), values, np.nan) if values.dtype == float else values

    def table(self, metrics: Iterable[str] | None = None) -> "pd.DataFrame":
        """Return one row per result: symbol, strategy, its parameters, labels and metrics.

        The labels are execution, direction and ended_early. NaN where a metric is undefined or a
        strategy has no such parameter; texts are pandas categories.

        Parameters
        ----------
        metrics
            Their names; None for all. Those that are left out need not be computed.

        Raises
        ------
        InvalidSettingsError
            As `column`.
        """
        return frame([self], metrics)

    def described(self, metrics: Iterable[str]) -> dict[str, NDArray[Any]]:
        """Return the columns of `table` by name."""
        columns = {name: self.column(name) for name in metrics}
        symbols = [(one.block.histories, one.symbol_of) for one in self.blocks]
        strategies = [(one.block.strategies, one.strategy_of) for one in self.blocks]
        kinds = {type(one): one for some, _ in strategies for one in some}.values()
        parameters = dict.fromkeys(name for one in kinds for name in one.parameters())
        window, settings = self.blocks[0].block.window, self.blocks[0].block.settings
        return {
            "symbol": self._say(symbols, lambda one: one.symbol, object),
            "strategy": self._say(strategies, lambda one: one.name, object),
            **{
                name: self._say(strategies, lambda one, name=name: getattr(one, name, np.nan))
                for name in parameters
            },
            "execution": np.full(len(self), settings.execution, object),
            "direction": np.full(len(self), settings.direction, object),
            "ended_early": self._say(symbols, lambda one: one.ends_before(window)),
            **columns,
        }

    def __getitem__(self, place: int) -> BacktestResult:
        """Return one result as an object."""
        block, row = self._places
        return build_result(self.blocks[block[place]], row[place])

    def __iter__(self) -> Iterator[BacktestResult]:
        """Yield the results as objects."""
        for block, row in zip(*map(np.ndarray.tolist, self._places), strict=True):
            yield build_result(self.blocks[block], row)

    def __len__(self) -> int:
        """Return the number of results."""
        return len(self.order)

    def __repr__(self) -> str:
        """Return the counts: a batch may be too long to print."""
        return f"<{type(self).__name__}: {len(self)} results, {len(self.failures)} failures>"

    @cached_property
    def _places(self) -> tuple[Ints, Ints]:
        """The block of each result, and its row there."""
        starts = np.cumsum([0, *(len(one.symbol_of) for one in self.blocks)])
        block = np.searchsorted(starts, self.order, side="right") - 1
        return block, self.order - starts[block]

    def _gather(self, parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
        """Return what the rows of each block have, in the order of the results."""
        return np.concatenate(parts)[self.order] if parts else np.empty(0)

    def _say(self, of: Any, describe: Callable[[Any], Any], dtype: Any = None) -> NDArray[Any]:
        """Return what is said of each result's symbol or strategy."""
        return self._gather([np.array([*map(describe, some)], dtype)[row] for some, row in of])


def frame(outcomes: Iterable[BatchOutcome], metrics: Iterable[str] | None) -> "pd.DataFrame":
    """Return the table of several batches; see `BatchOutcome.table`."""
    import pandas as pd

    names = [require_metric(name) for name in (METRICS if metrics is None else metrics)]
    columns: dict[str, Any] = {}
    rows = 0
    # `map` and `filter` hold no outcome while the next one is computed; a loop's variable would.
    for part in map(methodcaller("described", names), filter(len, outcomes)):
        first, rows = rows, rows + len(part["symbol"])
        for name, values in part.items():
            column = columns.setdefault(name, np.empty(0, values.dtype))
            if rows > len(column):
                column.resize(rows + rows // 8, refcheck=False)  # in place: never held twice
            column[first:rows] = values
    for name, column in columns.items():
        column.resize(rows, refcheck=False)
        if column.dtype == object:
            columns[name] = pd.Categorical.from_codes(*pd.factorize(column, sort=True))
    return pd.DataFrame(columns, copy=False)
