"""Decay: whether an edge that a backtest had is gone, watched bar by bar."""

import math
from dataclasses import dataclass

import numpy as np

from research.forward.expectation import Expectation
from strategies.base import Bools, Floats
from strategies.portable import exp

ALARM_EVERY_YEARS = 2.5
"""The mean time between false alarms for what goes on as in its backtest, if its mean were known
exactly. As it is known from one to three years only, there are 0.3 to 0.75 per year."""

LEAST_EDGE = 1.0
"""The least loss of Sharpe ratio per year that is watched for: less can't be told from luck within
years."""


@dataclass(frozen=True, eq=False)
class Decay:
    """The statistic of the residuals of T bars.

    Parameters
    ----------
    level
        As a share of the threshold, from 0 to 1, before it starts again; shape (T,).
    alarms
        On which bars it was reached; it starts again at 0 after each.
    """

    level: Floats
    alarms: Bools


def watch_decay(expectation: Expectation, residuals: Floats, bars_per_year: float) -> Decay:
    """Return the cumulative sums of how far residuals fall short of their expectation.

    The sum grows by (mean - x) / deviation - k and never falls below 0; k is half of the edge: the
    mean of the backtest by its deviation, or `LEAST_EDGE` if that is more. Returns of an
    edge that died make it grow, those of one that lives make it fall. The threshold follows from
    `ALARM_EVERY_YEARS` by Siegmund's approximation of the mean time to an alarm.

    Source: Page 1954, Continuous Inspection Schemes, Biometrika 41; Siegmund 1985, Sequential
    Analysis, chapter 2.

    Parameters
    ----------
    residuals
        Bar by bar since the freeze, shape (T,).
    bars_per_year
        Of the curve.
    """
    mean, deviation = expectation.residual_mean, expectation.residual_deviation
    edge = max(mean / deviation, LEAST_EDGE / math.sqrt(bars_per_year))
    threshold = find_threshold(edge, ALARM_EVERY_YEARS * bars_per_year)
    steps = (mean - residuals) / deviation - edge / 2.0
    level, alarms = np.empty(len(steps)), np.zeros(len(steps), dtype=np.bool_)
    total = 0.0
    for bar, step in enumerate(steps.tolist()):
        total = max(0.0, total + step)
        level[bar] = min(total / threshold, 1.0)
        alarms[bar] = total >= threshold
        total = 0.0 if alarms[bar] else total
    return Decay(level, alarms)


def find_threshold(edge: float, bars: float) -> float:
    """Return the threshold that normal steps without a loss of edge reach every so many bars.

    Siegmund: bars = (e^x - x - 1) / (2 k^2) with x = 2 k (threshold + 1.166) and k = edge / 2.
    """
    target = bars * edge**2 / 2.0
    x = math.sqrt(2.0 * target)
    for _ in range(50):  # Newton's method, from above the root of a convex function
        grown = exp(x).item()
        x -= (grown - x - 1.0 - target) / (grown - 1.0)
    return max(x / edge - 1.166, 1.0)
