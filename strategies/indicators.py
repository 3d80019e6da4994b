"""The indicators of the strategies, by the names of TA-Lib's documentation.

Arrays are one symbol's float64 values, oldest first and without NaN; an indicator has the same
length and starts with NaN until it has seen enough bars. TA-Lib is imported on first use: it
imports NumPy, pandas and polars, which would double the time that definitions take to load.

Averages and deviations of a window are computed from that window alone. TA-Lib adds the newest
value to a running sum and subtracts the oldest, so the rounding errors of all earlier bars stay in
it, and a value depends on where the history begins.
"""

from strategies.base import Floats
from strategies.indicator_cache import cached_indicator, cached_step


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
    middle, width = sma(close, period), std_dev * standard_deviation(close, period)
    return middle - width, middle + width


@cached_step
def standard_deviation(values: Floats, period: int) -> Floats:
    """Return the population standard deviation of the last `period` values."""
    import numpy as np

    deviation = np.full(len(values), np.nan)
    if len(values) >= period:
        deviation[period - 1 :] = np.sqrt(_sum_squared_deviations(values, period)[1] / period)
    return deviation


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


@cached_step
def _sum_windows(values: Floats, period: int) -> Floats:
    """Return the sum of each window, shape (n - period + 1,).

    Each is computed from its own window alone: two windows side by side make one, and those of
    any width are put together from those of powers of two.
    """
    if period == 1:
        return values
    m, n = _split(period)
    whole = _sum_windows(values, n)
    second = whole[m:]
    first = whole if m == n else _sum_windows(values, m)
    return first[: len(second)] + second


@cached_step
def _sum_squared_deviations(values: Floats, period: int) -> tuple[Floats, Floats]:
    """Return the mean of each window and the sum of its values' squared distances from it.

    Both of shape (n - period + 1,). Two windows are merged as in Chan, Golub and LeVeque,
    "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances" (1979): no two
    large numbers are subtracted.
    """
    if period == 1:
        return values, values * 0.0
    m, n = _split(period)
    whole = _sum_squared_deviations(values, n)
    mean, squares = (moment[m:] for moment in whole)
    before = whole if m == n else _sum_squared_deviations(values, m)
    first_mean, first_squares = (moment[: len(mean)] for moment in before)
    difference = mean - first_mean
    squares = first_squares + squares + difference * difference * (m * n / period)
    return first_mean + difference * (n / period), squares


def _split(period: int) -> tuple[int, int]:
    """Return the widths of the two windows, side by side, that make one of `period` values."""
    n = 1 << ((period - 1).bit_length() - 1)  # the largest power of two below
    return period - n, n
