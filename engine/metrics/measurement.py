"""All metrics of a block, and those of one backtest: a value, or None with the reason."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.metrics.catalogue import METRICS, Metric
from engine.metrics.inputs import MetricInputs
from strategies.base import Bools, Floats

NO_UNIVERSE = "no equal-weight universe was given"

# These divide by nothing: a value that is not finite has overflowed.
_UNBOUNDED = frozenset({"annualized_return", "alpha", "universe_alpha"})


@dataclass(frozen=True)
class Measurement:
    """The metrics of N backtests.

    Parameters
    ----------
    columns
        Values by metric, shape (N,) each; NaN or infinite where undefined.
    bars
        Number of bars of each.
    ruined
        Which had no equity left at some close, shape (N,).
    has_universe
        Whether an equal-weight universe was given to compare with.
    """

    columns: dict[str, NDArray[Any]]
    bars: int
    ruined: NDArray[np.bool_]
    has_universe: bool

    def read(
        self, backtest: int, no_trades: str = "no trades"
    ) -> tuple[dict[str, float | int | None], dict[str, str]]:
        """Return one backtest's metrics, None where undefined, and the reason of each None.

        `no_trades` is the reason if nothing was traded.
        """
        values: dict[str, float | int | None] = dict(
            zip(self.columns, self._rows[backtest], strict=True)
        )
        reasons: dict[str, str] = {}
        for name in self._undefined[backtest]:
            reasons[name] = next(self._collect_reasons(METRICS[name], backtest, no_trades))
            values[name] = None
        return values, reasons

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as one matrix, not as 43 small arrays."""
        matrix = np.array(list(self.columns.values()), dtype=np.float64)
        return _unpack, (list(self.columns), matrix, self.bars, self.ruined, self.has_universe)

    @cached_property
    def _rows(self) -> list[tuple[float | int, ...]]:
        """Each backtest's values in the order of the columns, as Python's own numbers."""
        return list(zip(*(column.tolist() for column in self.columns.values()), strict=True))

    @cached_property
    def _undefined(self) -> list[list[str]]:
        """The metrics that are not finite, of each backtest."""
        undefined: list[list[str]] = [[] for _ in self._rows]
        for name, column in self.columns.items():
            for backtest in np.flatnonzero(~np.isfinite(column)).tolist():
                undefined[backtest].append(name)
        return undefined

    def _collect_reasons(self, metric: Metric, backtest: int, no_trades: str) -> Iterator[str]:
        """Yield the reasons that apply; the first one has to be fixed first."""
        columns = self.columns
        if metric.needs == "universe" and not self.has_universe:
            yield NO_UNIVERSE
        if metric.of_returns and self.ruined[backtest]:
            yield "the capital was lost"
        if metric.name in _UNBOUNDED and math.isinf(columns[metric.name][backtest]):
            yield "too large for a number"
        if metric.needs != "benchmark" and columns["total_trades"][backtest] == 0:
            yield no_trades
        if metric.needs == "closed trades" and columns["closed_trades"][backtest] == 0:
            yield "no closed trades"
        if self.bars == 1:
            yield "one bar has no returns to measure"
        yield metric.otherwise


def _unpack(
    names: list[str], matrix: Floats, bars: int, ruined: Bools, has_universe: bool
) -> Measurement:
    """Return a measurement from its pickle; counts become whole numbers again."""
    columns = {
        name: row.astype(np.int64) if METRICS[name].kind == "count" else row
        for name, row in zip(names, matrix, strict=True)
    }
    return Measurement(columns, bars, ruined, has_universe)


def measure(inputs: MetricInputs) -> Measurement:
    """Return every metric of `METRICS` for a block.

    Returns on capital that a short has lost mean nothing: the metrics computed from them are
    undefined.
    """
    ruined: Bools = inputs.equity.min(axis=1, initial=np.inf) <= 0.0
    if not inputs.count:
        return Measurement({}, inputs.bars, ruined, inputs.universe is not None)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        columns = {name: metric.compute(inputs) for name, metric in METRICS.items()}
    if ruined.any():
        for name, metric in METRICS.items():
            if metric.of_returns:
                columns[name] = np.where(ruined, np.nan, columns[name])
    return Measurement(columns, inputs.bars, ruined, inputs.universe is not None)
