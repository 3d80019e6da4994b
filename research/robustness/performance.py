"""What a residual curve earned in a year, and at which Sharpe ratio."""

import math
from dataclasses import dataclass

import numpy as np

from research.statistics.moments import compute_sharpes
from strategies.base import Floats


@dataclass(frozen=True)
class Performance:
    """Of some days of a residual curve.

    Parameters
    ----------
    bars
        Number of days.
    annual_return
        Mean return times bars per year; NaN without any day.
    annual_sharpe
        Sharpe ratio (ddof 1) times the root of bars per year; NaN without variance.
    """

    bars: int
    annual_return: float
    annual_sharpe: float

    @classmethod
    def of(cls, residual: Floats, bars_per_year: float) -> "Performance":
        """Return that of a curve of shape (T,)."""
        bars = len(residual)
        mean = float(residual.mean()) * bars_per_year if bars else math.nan
        sharpe = float(compute_sharpes(residual[np.newaxis])[0]) if bars > 1 else math.nan
        return cls(bars, mean, sharpe * math.sqrt(bars_per_year))
