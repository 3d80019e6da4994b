"""The indicators of the strategies, by the names of TA-Lib's documentation.

Arrays are one symbol's float64 values, oldest first and without NaN; an indicator has the same
length and starts with NaN until it has seen enough bars. TA-Lib is imported on first use: it
imports NumPy, pandas and polars, which would double the time that definitions take to load.

Averages and deviations of a window are computed from that window alone. TA-Lib adds the newest
value to a running sum and subtracts the oldest, so the rounding errors of all earlier bars stay in
it, and a value depends on where the history begins.
"""

from collections.abc import Callable

from strategies.base import Floats
from strategies.indicator_cache import cached_indicator


@cached_indicator
def sma(values: Floats, period: int) -> Floats:
    """Return the simple moving average: the sum of the last `period` values / `period`."""
    import numpy as np

    average = np.full(len(values), np.nan)
    if len(values) >= period:
        average[period - 1 :] = _sum_windows(values, period) / period
    return average


@cached_indicator
def ema(values: Floats, period: int) -> Floats:
    """Return the exponential moving average, seeded by the SMA of the first period (TA-Lib EMA)."""
    import talib

    return talib.EMA(values, period)


@cached_indicator
def rsi(close: Floats, period: int) -> Floats:
    """Return Wilder's relative strength index, 0 to 100 (TA-Lib RSI)."""
    import talib

    return talib.RSI(close, period)


@cached_indicator
def macd(close: Floats, fast: int, slow: int, signal: int) -> tuple[Floats, Floats]:
    """Return the MACD line and its signal line, both by EMA (TA-Lib MACD)."""
    import talib

    line, signal_line, _ = talib.MACD(close, fast, slow, signal)
    return line, signal_line


@cached_indicator
def bollinger_bands(close: Floats, period: int, std_dev: float) -> tuple[Floats, Floats]:
    """Return the lower and upper band: SMA -/+ `std_dev` population standard deviations."""
    import numpy as np

    deviation = np.full(len(close), np.nan)
    if len(close) >= period:
        deviation[period - 1 :] = np.sqrt(_sum_squared_deviations(close, period) / period)
    middle, width = sma(close, period), std_dev * deviation
    return middle - width, middle + width


@cached_indicator
def rate_of_change(close: Floats, period: int) -> Floats:
    """Return close[t] / close[t - period] - 1 (TA-Lib ROCP)."""
    import talib

    return talib.ROCP(close, period)


@cached_indicator
def highest_before(values: Floats, period: int) -> Floats:
    """Return the highest of the `period` values before each bar, without its own (TA-Lib MAX)."""
    import talib

    return _shift(talib.MAX(values, period))


@cached_indicator
def lowest_before(values: Floats, period: int) -> Floats:
    """Return the lowest of the `period` values before each bar, without its own (TA-Lib MIN)."""
    import talib

    return _shift(talib.MIN(values, period))


def _shift(values: Floats) -> Floats:
    import numpy as np

    shifted = np.empty_like(values)
    shifted[:1] = np.nan
    shifted[1:] = values[:-1]
    return shifted


def _sum_windows(values: Floats, period: int) -> Floats:
    """Return the sum of each window, shape (n - period + 1,)."""
    (sums,) = _combine_windows(
        (values,), period, lambda first, second, _, __: (first[0] + second[0],)
    )
    return sums


def _sum_squared_deviations(values: Floats, period: int) -> Floats:
    """Return the sum of (value - mean of its window)^2 of each window, shape (n - period + 1,).

    Two windows are merged as in Chan, Golub and LeVeque, "Updating Formulae and a Pairwise
    Algorithm for Computing Sample Variances" (1979): no two large numbers are subtracted.
    """

    def merge(first: Moments, second: Moments, m: int, n: int) -> Moments:
        difference = second[0] - first[0]
        mean = first[0] + difference * (n / (m + n))
        return mean, first[1] + second[1] + difference * difference * (m * n / (m + n))

    _, squares = _combine_windows((values, values * 0.0), period, merge)
    return squares


Moments = tuple[Floats, ...]
"""What is known of each window: arrays of one element per first bar."""


def _combine_windows(
    single: Moments, period: int, merge: Callable[[Moments, Moments, int, int], Moments]
) -> Moments:
    """Return the moments of all windows of `period` values, given those of single values.

    Each is computed from its own window alone. Two windows side by side make one of twice the
    width, and windows of any width are put together from those of powers of two.

    Parameters
    ----------
    merge
        Returns the moments of windows, given those of their first m and their last n values.
    """
    whole, taken, power, width = None, 0, single, 1
    while True:
        if period & width:
            whole = _beside(whole, taken, power, width, merge) if whole else power
            taken += width
        if whole and taken == period:
            return whole
        power = _beside(power, width, power, width, merge)
        width *= 2


def _beside(
    first: Moments,
    m: int,
    second: Moments,
    n: int,
    merge: Callable[[Moments, Moments, int, int], Moments],
) -> Moments:
    """Return the moments of windows of m and of n values, the latter right after the former."""
    after = tuple(moment[m:] for moment in second)
    before = tuple(moment[: len(after[0])] for moment in first)
    return merge(before, after, m, n)
