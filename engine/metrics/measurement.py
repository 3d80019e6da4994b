"""All metrics of a block, and those of one backtest: a value, or None with the reason."""

import math
from collections.abc import Iterator
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from engine.metrics.catalogue import METRICS, Metric
from engine.metrics.inputs import MetricInputs
from strategies.base import Bools, Floats

NO_UNIVERSE = "no equal-weight universe was given"

# These divide by nothing: a value that is not finite has overflowed.
_UNBOUNDED = frozenset({"annualized_return", "alpha", "universe_alpha"})


class Measurement:
    """The metrics of N backtests, each computed when it is first asked for.

    Parameters
    ----------
    inputs
        What they are computed from; kept until `settle` or the reading of a backtest.
    """

    def __init__(self, inputs: MetricInputs) -> None:
        self._bars = inputs.bars
        self._ruined: Bools = inputs.equity.min(axis=1, initial=np.inf) <= 0.0
        self._has_universe = inputs.universe_returns is not None
        self._inputs: MetricInputs | None = inputs
        self._columns: dict[str, NDArray[Any]] = {}

    def column(self, name: str) -> NDArray[Any]:
        """Return the values of a metric, shape (N,); NaN or infinite where undefined.

        Returns on capital that a short has lost mean nothing: the metrics computed from them are
        undefined.
        """
        if name not in self._columns:
            self._columns[name] = self._compute(METRICS[name])
        return self._columns[name]

    @property
    def returns(self) -> Floats:
        """The bar-by-bar returns of the backtests, shape (N, T), until `settle`.

        Raises
        ------
        RuntimeError
            When they have been released already.
        """
        if self._inputs is None:
            raise RuntimeError("the returns of a settled measurement are not kept.")
        return self._inputs.returns

    def settle(self) -> Self:
        """Compute all metrics, and release the matrices that they are computed from."""
        if self._inputs is not None:
            self._columns = {name: self.column(name) for name in METRICS}
            self._inputs = None
        return self

    def read(
        self, backtest: int, no_trades: str = "no trades"
    ) -> tuple[dict[str, float | int | None], dict[str, str]]:
        """Return one backtest's metrics, None where undefined, and the reason of each None.

        `no_trades` is the reason if nothing was traded.
        """
        values: dict[str, float | int | None] = dict(
            zip(METRICS, self._rows[backtest], strict=True)
        )
        reasons: dict[str, str] = {}
        for name in self._undefined[backtest]:
            reasons[name] = next(self._collect_reasons(METRICS[name], backtest, no_trades))
            values[name] = None
        return values, reasons

    def __getstate__(self) -> dict[str, Any]:
        """Return what is pickled: the metrics, not what they are computed from."""
        return self.settle().__dict__

    def _compute(self, metric: Metric) -> NDArray[Any]:
        if self._inputs is None or not self._inputs.count:
            return np.empty(0)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            column = metric.compute(self._inputs)
        if metric.of_returns and self._ruined.any():
            return np.where(self._ruined, np.nan, column)
        # A view would keep the whole matrix that it is a column of.
        return column if column.base is None else column.copy()

    @cached_property
    def _rows(self) -> list[tuple[float | int, ...]]:
        """Each backtest's values in the order of the columns, as Python's own numbers."""
        self.settle()
        return list(zip(*(column.tolist() for column in self._columns.values()), strict=True))

    @cached_property
    def _undefined(self) -> list[list[str]]:
        """The metrics that are not finite, of each backtest."""
        undefined: list[list[str]] = [[] for _ in self._rows]
        for name, column in self._columns.items():
            for backtest in np.flatnonzero(~np.isfinite(column)).tolist():
                undefined[backtest].append(name)
        return undefined

    def _collect_reasons(self, metric: Metric, backtest: int, no_trades: str) -> Iterator[str]:
        """Yield the reasons that apply; the first one has to be fixed first."""
        columns = self._columns
        if metric.needs == "universe" and not self._has_universe:
            yield NO_UNIVERSE
        if metric.of_returns and self._ruined[backtest]:
            yield "the capital was lost"
        if metric.name in _UNBOUNDED and math.isinf(columns[metric.name][backtest]):
            yield "too large for a number"
        if metric.needs != "benchmark" and columns["total_trades"][backtest] == 0:
            yield no_trades
        if metric.needs == "closed trades" and columns["closed_trades"][backtest] == 0:
            yield "no closed trades"
        if self._bars == 1:
            yield "one bar has no returns to measure"
        yield metric.otherwise
