"""What a backtest lets one expect of the days after it, frozen before they come."""

from dataclasses import dataclass

import numpy as np

from research.residuals import compute_residuals
from strategies.base import Floats

LEAST_BARS = 126
"""Half a year: a mean of less says nothing of the days that follow."""

_LAGS = 10
_NORMAL_95 = 1.959963984540054
# As in engine.metrics.reductions: a deviation below it is rounding, and no number to divide by.
_ROUNDING = 1e-15


@dataclass(frozen=True)
class Expectation:
    """Mean and spread of a strategy's universe curve in its backtest.

    Parameters
    ----------
    bars
        Of the backtest, from the first on which the strategy earned or lost anything.
    mean, deviation
        Of its returns per bar. The deviation is the long-run one: that of the sum of many bars, by
        the square root of their number.
    beta
        Slope on the equal-weight universe.
    residual_mean, residual_deviation
        The same of the returns less beta times the universe's.
    """

    bars: int
    mean: float
    deviation: float
    beta: float
    residual_mean: float
    residual_deviation: float

    @classmethod
    def of(cls, returns: Floats, market: Floats) -> "Expectation | None":
        """Return the expectation of a curve, shape (T,); None of fewer than `LEAST_BARS` bars.

        None also of a curve without variance, or one that is the market's own. The bars in cash
        before the first position, as of a strategy that first has to learn, do not count: their
        zeros would promise a spread that its trading never had, and each later day would alarm.
        """
        (invested,) = np.nonzero(np.abs(returns) > _ROUNDING)
        first = invested[0] if len(invested) else len(returns)
        returns, market = returns[first:], market[first:]
        if len(returns) < LEAST_BARS:
            return None
        (residual,), (beta,) = compute_residuals(returns[np.newaxis], market)
        spreads = measure_long_run_deviation(returns), measure_long_run_deviation(residual)
        if min(spreads) <= _ROUNDING:
            return None
        means = float(returns.mean()), float(residual.mean())
        return cls(len(returns), means[0], spreads[0], float(beta), means[1], spreads[1])

    def residuals(self, returns: Floats, market: Floats) -> Floats:
        """Return what later returns are beyond the share of the market's that was frozen."""
        return returns - self.beta * market

    def cone(self, bars: int) -> tuple[Floats, Floats]:
        """Return the bounds of the sum of returns after 1 to `bars` bars, each of shape (bars,).

        With a probability of 95 % after any number of bars, not after all of them, if returns go
        on as in the backtest. The mean is itself known from T bars only, so the sum of h further
        ones has the variance deviation^2 (h + h^2 / T).
        """
        ahead = np.arange(1, bars + 1, dtype=np.float64)
        spread = _NORMAL_95 * self.deviation * np.sqrt(ahead + ahead**2 / self.bars)
        return self.mean * ahead - spread, self.mean * ahead + spread


def measure_long_run_deviation(returns: Floats) -> float:
    """Return the square root of the long-run variance per bar, but no less than the deviation.

    Source: Newey & West 1987, A Simple, Positive Semi-Definite, Heteroskedasticity and
    Autocorrelation Consistent Covariance Matrix, Econometrica 55(3), with 10 lags.
    """
    bars = len(returns)
    centred = returns - returns.mean()
    variance = float((centred * centred).sum()) / bars
    total = variance
    for lag in range(1, min(_LAGS, bars - 1) + 1):
        weight = 1.0 - lag / (_LAGS + 1)
        total += 2.0 * weight * float((centred[lag:] * centred[:-lag]).sum()) / bars
    return float(np.sqrt(max(total, variance)))
