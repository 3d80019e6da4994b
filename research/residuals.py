"""Residual returns: what a curve earns beyond its share of the market's moves."""

import numpy as np

from strategies.base import Floats


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
    return returns @ centred / spread if spread > 0.0 else np.zeros(len(returns))


def compute_residuals(returns: Floats, market: Floats) -> tuple[Floats, Floats]:
    """Return r - beta * market of each curve, shape (N, T), and the betas, shape (N,).

    The mean is kept: it is what is judged. In a market that merely rises, most curves of long
    positions have a high mean; their residuals have not.
    """
    betas = compute_betas(returns, market)
    return returns - betas[:, np.newaxis] * market, betas
