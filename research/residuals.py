"""Residual returns: what a curve earns beyond its share of the market's moves."""

import numpy as np

from strategies.base import Floats

# A mean is rounded to some 1e-16 of itself: returns that differ by less from theirs are flat.
_ROUNDING = 1e-14
# Sums over some bars are differences of sums over all.
_ROUNDING_OF_SUMS = 1e-12


def compute_betas(returns: Floats, market: Floats) -> Floats:
    """Return the least-squares slopes of curves on the market, shape (N,); 0 in a flat market.

    Parameters
    ----------
    returns
        Shape (N, T).
    market
        Shape (T,).
    """
    centred = market - market.mean()
    spread = float((centred * centred).sum())
    if spread <= _ROUNDING**2 * float((market * market).sum()):
        return np.zeros(len(returns))
    # Row by row, not as a product of matrices: a curve has the same bits alone and among others.
    return np.multiply(returns, centred, order="C").sum(axis=1) / spread


def compute_residuals(returns: Floats, market: Floats) -> tuple[Floats, Floats]:
    """Return r - beta * market of each curve, shape (N, T), and the betas, shape (N,).

    The mean is kept: it is what is judged. In a market that merely rises, most curves of long
    positions have a high mean; their residuals have not.
    """
    betas = compute_betas(returns, market)
    return returns - betas[:, np.newaxis] * market, betas


def hedge_positions(returns: Floats, exposure: Floats, market: Floats) -> Floats:
    """Return what curves earn beyond the same money in the universe on the same days, shape (N, T).

    r - exposure(t) * market, where the exposure is that of the close before, and then
    `hedge_across_folds`, because what is held need not move as the universe does. What a strategy
    earns by being invested when the universe rises is taken out with what it loses when it falls:
    three quarters of the variance of a residual against one share of the universe, where symbols
    correlate by 0.3. So an edge in single symbols shows twice as clearly, and one in the universe
    as a whole not at all, nor any in a universe of one symbol.

    Parameters
    ----------
    returns, exposure
        As in `research.universe_curves.UniverseCurves`, shape (N, T).
    market
        Shape (T,).
    """
    return hedge_across_folds(returns - exposure * market, market)


def hedge_across_folds(returns: Floats, market: Floats, memory: int = 126) -> Floats:
    """Return r - beta(t) * market, shape (N, T), where no beta knows what came of its own bar.

    The slope of a bar is estimated on all bars but that one and the `memory` bars after it, in
    which a strategy may still react to it. One slope for the whole window favours strategies that
    buy after a fall: in a window that fell they were invested more, so that slope times mean is
    too low. Of 150 universes of pure noise the best point of a relative-strength rule had a
    Sharpe ratio of 0.57 per year by that alone, and 0.10 with this slope. A slope of past bars
    alone is as fair there, and in a market that rises credits every strategy that begins without
    a position, because it lags what is held. 0 where the market of the other bars is flat.

    It looks ahead, so that it judges a curve and is no hedge that could have been traded.

    Parameters
    ----------
    returns
        Shape (N, T).
    market
        Shape (T,).
    memory
        Bars; half a year, for no rule here remembers more. At most T / 2 of them are left out.
    """
    bars = len(market)
    memory = min(memory, bars // 2)
    first = np.arange(bars)
    stop = np.minimum(first + memory + 1, bars)
    # Two bars have none to spare: their slope is 0.
    count = np.maximum(bars - (stop - first), 1)
    level = market - market.mean()

    def exclude(values: Floats) -> Floats:
        """Return the sums over all bars but those from `first` to `stop`, along the last axis."""
        sums = np.zeros((*values.shape[:-1], bars + 1))
        np.cumsum(values, axis=-1, out=sums[..., 1:])
        return sums[..., -1:] - (sums[..., stop] - sums[..., first])

    mean = exclude(level) / count
    spread = exclude(level * level) - count * mean**2
    shared = exclude(returns * level) - exclude(returns) * mean
    # Less is the rounding of the sums, where the other bars of the market are flat.
    moving = spread > _ROUNDING_OF_SUMS * float((market * market).sum())
    slopes = np.divide(shared, spread, out=np.zeros_like(shared), where=moving)
    return returns - slopes * market
