"""What models look at, at the close of each bar, and the label that they learn.

A feature is computed from its bar and those before it, and measured in the volatility of the last
20 bars: nothing is scaled by statistics of a whole sample. A row has NaN before its longest window
is full, and where prices did not move for 20 bars.
"""

import numpy as np

from strategies.base import Floats
from strategies.indicator_cache import cached_step
from strategies.indicators import rsi, sma, standard_deviation
from strategies.ml import FEATURE_BARS
from strategies.portable import log, log1p

FEATURES = (
    "return_1",
    "return_5",
    "return_20",
    "return_60",
    "distance_to_sma_20",
    "distance_to_sma_50",
    "volatility",
    "volume",
    "rsi_14",
    "constant",
)
"""The columns of `compute_features`, in this order."""


_WINDOW = 20
MOST_DEVIATIONS = 5.0


@cached_step
def compute_features(close: Floats, volume: Floats) -> Floats:
    """Return the features of each bar, shape (n, 10), within -5 and 5.

    Returns are logarithmic, over so many bars, in standard deviations of such a return. Distances
    to averages are in those of 20 and 50 bars. Volatility is that of 20 bars against that of 60,
    as a logarithm; volume is its logarithm in deviations from the mean of 20 bars, 0 where it does
    not vary; Wilder's RSI is -2 to 2 around 50.
    """
    rows = np.full((len(close), len(FEATURES)), np.nan)
    if len(close) <= FEATURE_BARS:
        return rows
    daily, logs = measure_volatility(close), log(close)
    for column, lag in enumerate((1, 5, 20, 60)):
        rows[lag:, column] = (logs[lag:] - logs[:-lag]) / (daily[lag:] * np.sqrt(lag))
    for column, period in ((4, 20), (5, 50)):
        rows[:, column] = (close / sma(close, period) - 1.0) / (daily * np.sqrt(period))
    rows[:, 6] = log(daily / _deviate(close, FEATURE_BARS))
    rows[:, 7] = _standardize(log1p(volume))
    rows[:, 8] = (rsi(close, 14) - 50.0) / 25.0
    rows[:, 9] = 1.0
    return np.clip(rows, -MOST_DEVIATIONS, MOST_DEVIATIONS)


@cached_step
def measure_volatility(close: Floats) -> Floats:
    """Return the deviation of the last 20 logarithmic returns, per bar; NaN without a move."""
    return _deviate(close, _WINDOW)


def compute_labels(opens: Floats, horizon: int) -> Floats:
    """Return the logarithmic return of an entry at each bar's close, shape (n,).

    From the open of the next bar to the open `horizon` bars after it; NaN where that is beyond the
    last bar. See `strategies.ml.walk_forward` for when it is known.
    """
    labels = np.full(len(opens), np.nan)
    if len(opens) > 1 + horizon:
        logs = log(opens)
        labels[: -1 - horizon] = logs[1 + horizon :] - logs[1:-horizon]
    return labels


def _deviate(close: Floats, period: int) -> Floats:
    returns = np.full(len(close), np.nan)
    returns[1:] = np.diff(log(close))
    deviation = standard_deviation(returns, period)
    # Rounding makes some 1e-17 of prices that do not move.
    return np.where(deviation > 1e-12, deviation, np.nan)  # noqa: PLR2004


def _standardize(values: Floats) -> Floats:
    deviation = standard_deviation(values, _WINDOW)
    varies = deviation > 1e-9  # noqa: PLR2004
    scores = (values - sma(values, _WINDOW)) / np.where(varies, deviation, 1.0)
    return np.where(varies | np.isnan(deviation), scores, 0.0)
