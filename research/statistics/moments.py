"""Moments of returns by row: Sharpe ratio per bar, skew, and raw kurtosis."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from research.statistics.curves import check_curves
from strategies.base import Floats

# As in engine.metrics.reductions: a deviation below it is rounding, and a ratio to it no number.
_ROUNDING = 1e-15


@dataclass(frozen=True, eq=False)
class Moments:
    """Moments of N curves, each of shape (N,); NaN for a curve without variance.

    Parameters
    ----------
    sharpe
        Mean / sample deviation (ddof 1), per bar.
    skew
        Third standardized moment, biased: m3 / m2^1.5, 0 for the normal distribution.
    kurtosis
        Fourth standardized moment, biased: m4 / m2^2. It is RAW: 3 for the normal distribution.
    """

    sharpe: Floats
    skew: Floats
    kurtosis: Floats


def compute_moments(returns: NDArray[np.floating]) -> Moments:
    """Return the moments of curves of shape (N, T).

    Raises
    ------
    InvalidCurvesError
        When there are fewer than two bars, or a value is not finite.
    """
    curves = check_curves(returns)
    mean = curves.mean(axis=1)
    distance = curves - mean[:, np.newaxis]
    squares = distance * distance
    variance = squares.mean(axis=1)
    variance[variance <= _ROUNDING**2] = np.nan
    bars = curves.shape[1]
    return Moments(
        sharpe=mean / np.sqrt(variance * bars / (bars - 1)),
        skew=np.einsum("nt,nt->n", squares, distance) / bars / (variance * np.sqrt(variance)),
        kurtosis=np.einsum("nt,nt->n", squares, squares) / bars / variance**2,
    )


def compute_sharpes(returns: NDArray[np.floating]) -> Floats:
    """Return the Sharpe ratios per bar of curves of shape (N, T), as in `Moments`."""
    curves = check_curves(returns)
    deviation = curves.std(axis=1, ddof=1)
    deviation[deviation <= _ROUNDING] = np.nan
    return curves.mean(axis=1) / deviation
