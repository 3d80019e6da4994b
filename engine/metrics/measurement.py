"""All metrics of a block, and each backtest's own: a value, or None with the reason."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.metrics.catalogue import METRICS, Metric
from engine.metrics.sample import Sample
from strategies.base import Bools

NO_UNIVERSE = "no equal-weight universe was given"


@dataclass(frozen=True)
class Measurement:
    """The metrics of N backtests.

    Parameters
    ----------
    columns
        Values by metric, shape (N,) each; NaN or infinite where undefined.
    bars
        Bars of each of them.
    ruined
        Which of them had no equity left at some close, shape (N,).
    has_universe
        Whether there was an equal-weight universe to compare with.
    """

    columns: dict[str, NDArray[Any]]
    bars: int
    ruined: NDArray[np.bool_]
    has_universe: bool

    def of(
        self, backtest: int, no_trades: str = "no trades"
    ) -> tuple[dict[str, float | int | None], dict[str, str]]:
        """Return one backtest's metrics, None where undefined, and the reason of each None.

        `no_trades` is the reason where nothing was traded.
        """
        values: dict[str, float | int | None] = {}
        reasons: dict[str, str] = {}
        for name, column in self._plain.items():
            value = column[backtest]
            if math.isfinite(value):
                values[name] = value
            else:
                values[name] = None
                reasons[name] = self._reason(METRICS[name], backtest, no_trades)
        return values, reasons

    @cached_property
    def _plain(self) -> dict[str, list[float | int]]:
        return {name: column.tolist() for name, column in self.columns.items()}

    def _reason(self, metric: Metric, backtest: int, no_trades: str) -> str:
        if metric.needs == "universe" and not self.has_universe:
            return NO_UNIVERSE
        if self.ruined[backtest]:
            return "the capital was lost"
        if self.columns["total_trades"][backtest] == 0:
            return no_trades
        if metric.needs == "closed trades" and self.columns["closed_trades"][backtest] == 0:
            return "no closed trades"
        if self.bars == 1:
            return "one bar has no returns to measure"
        return metric.otherwise


def measure(sample: Sample) -> Measurement:
    """Return every metric of `METRICS` for a block.

    Where a short lost all capital, returns on what was no more mean nothing: what rests on them
    is undefined.
    """
    ruined: Bools = sample.equity.min(axis=1, initial=np.inf) <= 0.0
    if not sample.count:
        return Measurement({}, sample.bars, ruined, sample.universe is not None)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        columns = {name: metric.compute(sample) for name, metric in METRICS.items()}
    if ruined.any():
        for name, metric in METRICS.items():
            if metric.of_returns:
                columns[name] = np.where(ruined, np.nan, columns[name])
    return Measurement(columns, sample.bars, ruined, sample.universe is not None)
