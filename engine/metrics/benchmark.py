"""Metrics against a benchmark: the symbol bought and held, or the equal-weight universe.

The symbol is bought at the window's first close and held to its last, without costs. The universe
is that of `engine.equal_weight`. The risk-free rate is what cash earns: 0
unless costs say otherwise.
"""

from collections.abc import Callable

import numpy as np

from engine.metrics.benchmark_inputs import Benchmark
from engine.metrics.catalogue import metric
from engine.metrics.equity import total_return
from engine.metrics.inputs import MetricInputs
from strategies.base import Floats

_FLAT = "the benchmark did not move"
_SAME = "the returns are those of the benchmark"


@metric("fraction")
def benchmark_return(inputs: MetricInputs) -> Floats:
    """Return last close / first close of the symbol - 1.

    Source: vectorbt Portfolio.total_benchmark_return.
    """
    return inputs.benchmark.total_return[inputs.symbol_of]


@metric("fraction")
def excess_return(inputs: MetricInputs) -> Floats:
    """Return total return - benchmark return."""
    return total_return(inputs) - benchmark_return(inputs)


@metric("fraction", _FLAT, needs="benchmark", of_returns=True)
def alpha(inputs: MetricInputs) -> Floats:
    """Return (1 + mean(return - beta * benchmark's return)) ** bars per year - 1, both beyond cash.

    Source: Jensen (1968), "The Performance of Mutual Funds"; vectorbt returns.alpha.
    """
    return inputs.benchmark.alpha


@metric("ratio", _FLAT, needs="benchmark", of_returns=True)
def beta(inputs: MetricInputs) -> Floats:
    """Return covariance with the benchmark's returns / their variance.

    Source: Sharpe (1964), "Capital Asset Prices"; vectorbt returns.beta.
    """
    return inputs.benchmark.beta


@metric("ratio", _SAME, needs="benchmark", of_returns=True)
def information_ratio(inputs: MetricInputs) -> Floats:
    """Return mean / sample deviation of returns beyond the benchmark's, not annualized.

    Source: Goodwin (1998), "The Information Ratio"; vectorbt returns.information_ratio.
    """
    return inputs.benchmark.information_ratio


@metric("fraction", needs="universe")
def universe_return(inputs: MetricInputs) -> Floats:
    """Return the equal-weight universe's total return between the symbol's first and last bar."""
    return _compare_with_universe(inputs, lambda universe: universe.total_return[inputs.symbol_of])


@metric("fraction", needs="universe")
def universe_excess_return(inputs: MetricInputs) -> Floats:
    """Return total return - universe return."""
    return total_return(inputs) - universe_return(inputs)


@metric("fraction", _FLAT, needs="universe", of_returns=True)
def universe_alpha(inputs: MetricInputs) -> Floats:
    """Return `alpha` with the equal-weight universe as the benchmark."""
    return _compare_with_universe(inputs, lambda universe: universe.alpha)


@metric("ratio", _FLAT, needs="universe", of_returns=True)
def universe_beta(inputs: MetricInputs) -> Floats:
    """Return `beta` with the equal-weight universe as the benchmark."""
    return _compare_with_universe(inputs, lambda universe: universe.beta)


@metric("ratio", _SAME, needs="universe", of_returns=True)
def universe_information_ratio(inputs: MetricInputs) -> Floats:
    """Return `information_ratio` with the equal-weight universe as the benchmark."""
    return _compare_with_universe(inputs, lambda universe: universe.information_ratio)


def _compare_with_universe(inputs: MetricInputs, figure: Callable[[Benchmark], Floats]) -> Floats:
    if inputs.universe is None:
        return np.full(inputs.count, np.nan)
    return figure(inputs.universe)
