"""Numbers of the last bars of a curve, bar by bar."""

import math

import numpy as np

from research.statistics.moments import compute_sharpes
from strategies.base import Floats

# As in `research.residuals`: what differs by less from its mean is flat.
_ROUNDING = 1e-14


def roll_sharpes(returns: Floats, bars: int, bars_per_year: float) -> Floats:
    """Return the Sharpe ratio per year of the last `bars` returns, shape (T,).

    NaN before there are so many, and where they have no variance.
    """
    rolled = np.full(len(returns), np.nan)
    if len(returns) >= bars:
        windows = np.lib.stride_tricks.sliding_window_view(returns, bars)
        rolled[bars - 1 :] = compute_sharpes(windows) * math.sqrt(bars_per_year)
    return rolled


def roll_betas(returns: Floats, market: Floats, bars: int) -> Floats:
    """Return the slope on the market of the last `bars` returns, shape (T,).

    NaN before there are so many; 0 where the market was flat, as in
    `research.residuals.compute_betas`.

    Parameters
    ----------
    returns, market
        Shape (T,).
    """
    rolled = np.full(len(returns), np.nan)
    if len(returns) < bars:
        return rolled
    own, other = (np.lib.stride_tricks.sliding_window_view(one, bars) for one in (returns, market))
    centred = other - other.mean(axis=1, keepdims=True)
    spread = (centred * centred).sum(axis=1)
    moving = spread > _ROUNDING**2 * (other * other).sum(axis=1)
    shared = (own * centred).sum(axis=1)
    rolled[bars - 1 :] = np.divide(shared, spread, out=np.zeros_like(shared), where=moving)
    return rolled
