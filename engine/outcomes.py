"""What a batch produces: arrays per block, and objects of single results when they are taken."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engine.blocks import BlockOutcome
from engine.failure import Failure
from engine.history import TradedHistory
from engine.metrics import METRICS, require_metric
from engine.results import BacktestResult, build_result
from engine.settings import Window
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
        strategy has no such parameter.

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
        blocks = [outcome.block for outcome in self.blocks]
        before = np.cumsum([0, *(len(block.strategies) for block in blocks)]).tolist()
        strategies = [one for block in blocks for one in block.strategies]
        of = self._gather(
            [one.strategy_of + start for one, start in zip(self.blocks, before, strict=False)]
        )
        parameters = [one.parameters() for one in strategies]
        names = dict.fromkeys(name for one in parameters for name in one)
        return {
            "symbol": self._gather_symbols(lambda history, _: history.symbol),
            "strategy": np.array([one.name for one in strategies], dtype=object)[of],
            **{name: np.array([one.get(name, np.nan) for one in parameters])[of] for name in names},
            "execution": np.broadcast_to(np.array(blocks[0].settings.execution, object), len(self)),
            "direction": np.broadcast_to(np.array(blocks[0].settings.direction, object), len(self)),
            "ended_early": self._gather_symbols(TradedHistory.ends_before).astype(np.bool_),
            **columns,
        }

    def __getitem__(self, place: int) -> BacktestResult:
        """Return one result as an object."""
        return self._build(int(self.order[place]))

    def __iter__(self) -> Iterator[BacktestResult]:
        """Yield the results as objects."""
        return map(self._build, self.order.tolist())

    def __len__(self) -> int:
        """Return the number of results."""
        return len(self.order)

    def __repr__(self) -> str:
        """Return the counts: a batch may be too long to print."""
        return f"<{type(self).__name__}: {len(self)} results, {len(self.failures)} failures>"

    @cached_property
    def _starts(self) -> Ints:
        """The number of the first row of each block."""
        return np.cumsum([0, *(len(one.symbol_of) for one in self.blocks)])[:-1]

    def _build(self, row: int) -> BacktestResult:
        number = int(np.searchsorted(self._starts, row, side="right")) - 1
        return build_result(self.blocks[number], row - int(self._starts[number]))

    def _gather(self, parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
        """Return what the rows of each block have, in the order of the results."""
        return np.concatenate(parts)[self.order] if parts else np.empty(0)

    def _gather_symbols(self, describe: Callable[[TradedHistory, Window], Any]) -> NDArray[Any]:
        return self._gather(
            [
                np.array(
                    [describe(one, outcome.block.window) for one in outcome.block.histories],
                    dtype=object,
                )[outcome.symbol_of]
                for outcome in self.blocks
            ]
        )


def frame(outcomes: Iterable[BatchOutcome], metrics: Iterable[str] | None) -> "pd.DataFrame":
    """Return the table of several batches; see `BatchOutcome.table`."""
    import pandas as pd

    names = [require_metric(name) for name in (METRICS if metrics is None else metrics)]
    parts = [outcome.described(names) for outcome in outcomes if len(outcome)]
    columns = list(parts[0]) if parts else []
    # Each is released once it is joined, and none is copied: a table of millions of rows fits.
    joined = {name: np.concatenate([part.pop(name) for part in parts]) for name in columns}
    return pd.DataFrame(joined, copy=False)
