"""The Sharpe ratio of an account's curve."""

import math

import numpy as np

from engine.metrics.reductions import drop_noise
from strategies.base import Floats


def find_sharpe_ratio(returns: Floats, risk_free: Floats, bars_per_year: float) -> float:
    """Return mean / sample deviation of the returns beyond cash * sqrt(bars per year); NaN of none.

    A deviation that only rounding can have made is none, as in `engine.metrics.equity`, whose
    `sharpe_ratio` this is.

    Parameters
    ----------
    returns, risk_free
        Of the account and of cash on each bar, shape (D,).
    """
    excess = returns - risk_free
    if len(excess) < 2:  # noqa: PLR2004
        return math.nan
    (deviation,) = drop_noise(np.std(excess, ddof=1, keepdims=True).astype(np.float64)).tolist()
    if not deviation:
        return math.nan
    return float(excess.mean()) / deviation * math.sqrt(bars_per_year)
