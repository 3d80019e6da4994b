"""Residual returns: what a curve earns beyond its share of the market's moves."""

import numpy as np

from strategies.base import Floats

# A mean is rounded to some 1e-16 of itself: returns that differ by less from theirs are flat.
_ROUNDING = 1e-14


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
    spread = float(centred @ centred)
    if spread <= _ROUNDING**2 * float(market @ market):
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
