"""What metrics against a benchmark are computed from."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from engine.metrics.reductions import drop_noise, sample_deviation, sum_products
from strategies.base import Floats
from strategies.portable import power


@dataclass(frozen=True)
class Benchmark:
    """Something bought and held, to compare the backtests of a block with.

    It has what it needs of the `MetricInputs`, and not a reference to them: they refer to it, and a
    cycle would keep the matrices until the garbage collector runs.

    Parameters
    ----------
    returns
        Bar by bar on each symbol's bars, the first 0, shape (H, T).
    total_return
        Over each symbol's whole window, shape (H,).
    symbol_of, compared, compared_mean, bars_per_year
        The symbol of each backtest, its returns, their mean, and its bars per year.
    risk_free
        As in `MetricInputs`.
    """

    returns: Floats
    total_return: Floats
    symbol_of: NDArray[np.int64]
    compared: Floats
    compared_mean: Floats
    bars_per_year: Floats
    risk_free: Floats | None = None

    @cached_property
    def mean(self) -> Floats:
        """Mean return per bar, shape (H,)."""
        return self.returns.mean(axis=1)

    @cached_property
    def beta(self) -> Floats:
        """Covariance with the benchmark / variance of the benchmark, shape (N,)."""
        distance = self.returns - self.mean[:, None]
        bars, symbol = self.returns.shape[1], self.symbol_of
        variance = drop_noise(np.sqrt(sum_products(distance, distance) / bars)) ** 2
        return sum_products(distance[symbol], self.compared) / bars / variance[symbol]

    @cached_property
    def alpha(self) -> Floats:
        """Annualized mean of returns beyond beta times the benchmark's, shape (N,)."""
        beyond = self.compared_mean - self.beta * self.mean[self.symbol_of]
        if self.risk_free is not None:
            # Both sides are beyond what cash earns: (own - cash) - beta * (benchmark - cash).
            beyond -= (1.0 - self.beta) * self.risk_free.mean(axis=1)[self.symbol_of]
        return power(1.0 + beyond, self.bars_per_year) - 1.0

    @cached_property
    def information_ratio(self) -> Floats:
        """Mean / sample deviation of the returns beyond the benchmark's, shape (N,)."""
        active = self.returns[self.symbol_of]
        np.subtract(self.compared, active, out=active)
        mean = active.mean(axis=1)
        return mean / sample_deviation(active, mean)
