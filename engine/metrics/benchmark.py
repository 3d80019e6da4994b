"""Metrics against the market: the symbol bought and held, and the equal-weight universe.

Buying and holding is done at closes and without costs, from the window's first close to its last.
The universe is that of `engine.equal_weight`. The risk-free rate is 0.
"""

from collections.abc import Callable

import numpy as np

from engine.metrics.catalogue import metric
from engine.metrics.equity import total_return
from engine.metrics.inputs import Market, Sample
from strategies.base import Floats

_FLAT = "the market did not move"
_SAME = "the returns are those of the market"


@metric("fraction")
def benchmark_return(sample: Sample) -> Floats:
    """Return last close / first close of the symbol - 1.

    Source: vectorbt Portfolio.total_benchmark_return.
    """
    return sample.market.total_return[sample.symbol_of]


@metric("fraction")
def excess_return(sample: Sample) -> Floats:
    """Return total return - benchmark return."""
    return total_return(sample) - benchmark_return(sample)


@metric("fraction", _FLAT, needs="market", of_returns=True)
def alpha(sample: Sample) -> Floats:
    """Return (1 + mean(return - beta * benchmark's return)) ** year length - 1.

    Source: Jensen (1968), "The Performance of Mutual Funds"; vectorbt returns.alpha.
    """
    return sample.market.alpha


@metric("ratio", _FLAT, needs="market", of_returns=True)
def beta(sample: Sample) -> Floats:
    """Return covariance with the benchmark's returns / their variance.

    Source: Sharpe (1964), "Capital Asset Prices"; vectorbt returns.beta.
    """
    return sample.market.beta


@metric("ratio", _SAME, needs="market", of_returns=True)
def information_ratio(sample: Sample) -> Floats:
    """Return mean / sample deviation of returns beyond the benchmark's, not annualized.

    Source: Goodwin (1998), "The Information Ratio"; vectorbt returns.information_ratio.
    """
    return sample.market.information_ratio


@metric("fraction", needs="universe")
def universe_return(sample: Sample) -> Floats:
    """Return the equal-weight universe's total return between the symbol's first and last bar."""
    return _of_universe(sample, lambda universe: universe.total_return[sample.symbol_of])


@metric("fraction", needs="universe")
def universe_excess_return(sample: Sample) -> Floats:
    """Return total return - universe return."""
    return total_return(sample) - universe_return(sample)


@metric("fraction", _FLAT, needs="universe", of_returns=True)
def universe_alpha(sample: Sample) -> Floats:
    """Return `alpha`, with the equal-weight universe for the benchmark."""
    return _of_universe(sample, lambda universe: universe.alpha)


@metric("ratio", _FLAT, needs="universe", of_returns=True)
def universe_beta(sample: Sample) -> Floats:
    """Return `beta`, with the equal-weight universe for the benchmark."""
    return _of_universe(sample, lambda universe: universe.beta)


@metric("ratio", _SAME, needs="universe", of_returns=True)
def universe_information_ratio(sample: Sample) -> Floats:
    """Return `information_ratio`, with the equal-weight universe for the benchmark."""
    return _of_universe(sample, lambda universe: universe.information_ratio)


def _of_universe(sample: Sample, figure: Callable[[Market], Floats]) -> Floats:
    if sample.universe is None:
        return np.full(sample.count, np.nan)
    return figure(sample.universe)
