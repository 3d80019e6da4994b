"""The indicators of the strategies: TA-Lib, by the names of its documentation.

Arrays are one symbol's float64 values, oldest first and without NaN; an indicator has the same
length and starts with NaN until it has seen enough bars. TA-Lib is imported on first use: it
imports NumPy, pandas and polars, which would double the time that definitions take to load.
"""

from strategies.base import Floats
from strategies.indicator_cache import cached_indicator


@cached_indicator
def sma(values: Floats, period: int) -> Floats:
    """Return the simple moving average (TA-Lib SMA)."""
    import talib

    return talib.SMA(values, period)


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
    """Return the lower and upper band: SMA -/+ population deviations (TA-Lib BBANDS)."""
    import talib

    upper, _, lower = talib.BBANDS(close, period, std_dev, std_dev)
    return lower, upper


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
