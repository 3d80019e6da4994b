"""The mean block length of a stationary bootstrap that suits a curve's autocorrelation."""

import math

import numpy as np

from strategies.base import Floats
from strategies.portable import power


def choose_block_length(returns: Floats) -> float:
    """Return the automatic block length of Politis and White for one curve, at least 1.

    (2 G^2 / D)^(1/3) T^(1/3) with D = 2 g(0)^2, G = sum l(k/M) |k| c(k), g(0) = sum l(k/M) c(k), l
    the trapezoidal lag window and M twice the lag behind which autocorrelations are negligible.

    Source: Politis & White 2004, Automatic block-length selection for the dependent bootstrap, with
    the correction of Patton, Politis & White 2009, Econometric Reviews 23(1) and 28(4).

    Parameters
    ----------
    returns
        Finite, shape (T,). A curve without variance has blocks of 1.
    """
    bars = len(returns)
    distance = returns - returns.mean()
    longest = math.ceil(min(3.0 * math.sqrt(bars), bars / 3.0))
    run = max(5, int(math.log10(bars)))
    lags = min(math.ceil(math.sqrt(bars)) + run, bars - 2)
    covariance = np.array(
        [(distance[lag:] * distance[: bars - lag]).sum() for lag in range(lags + 1)]
    )
    if lags < 1 or covariance[0] <= 0.0:
        return 1.0
    bandwidth = min(2 * max(_find_negligible(distance, covariance, run), 1), lags)
    lag = np.arange(1, bandwidth + 1)
    window = np.minimum(1.0, 2.0 * (1.0 - lag / bandwidth))
    weighted = window * covariance[1 : bandwidth + 1] / bars
    slope = 2.0 * float((weighted * lag).sum())
    density = covariance[0] / bars + 2.0 * float(weighted.sum())
    if density == 0.0:
        return float(longest)
    ratio = slope / density
    length = power(np.array([ratio * ratio * bars]), np.array([1.0 / 3.0]))
    return float(min(max(length.item(), 1.0), longest))


def _find_negligible(distance: Floats, covariance: Floats, run: int) -> int:
    """Return the lag behind which `run` autocorrelations are within their noise; the last if none.

    Each is scaled by the bars that it is of, as in arch.
    """
    bars, lags = len(distance), len(covariance)
    limit = 2.0 * math.sqrt(math.log10(bars) / bars)
    squares = np.concatenate(([0.0], np.cumsum(distance * distance)))
    lag = np.arange(lags)
    scale = np.sqrt((squares[-1] - squares[lag + 1]) * squares[bars - lag - 1])
    small = np.abs(covariance) < limit * scale
    for last in range(run, lags):
        if small[last - run : last].all():
            return last - run
    return lags
