"""What a residual curve earned in each year, and in calm and in volatile markets."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from research.robustness.performance import Performance
from strategies.base import Floats

REGIMES = ("calm", "middle", "volatile")
TRAILING_BARS = 63
_LEAST_PAST = 63


def split_years(
    residual: Floats, dates: NDArray[np.datetime64], bars_per_year: float
) -> Mapping[str, Performance]:
    """Return the performance in each calendar year, oldest first.

    Parameters
    ----------
    residual, dates
        Shape (T,).
    """
    year = dates.astype("datetime64[Y]")
    return {
        str(one): Performance.of(residual[year == one], bars_per_year) for one in np.unique(year)
    }


def split_regimes(
    residual: Floats, market: Floats, bars_per_year: float
) -> Mapping[str, Performance]:
    """Return the performance on days in each of `REGIMES`; see `find_regimes`."""
    regime = find_regimes(market)
    return {
        name: Performance.of(residual[regime == number], bars_per_year)
        for number, name in enumerate(REGIMES)
    }


def find_regimes(market: Floats) -> NDArray[np.int8]:
    """Return the tercile of the market's volatility on each day, 0 to 2; -1 while unknown.

    Volatility is the deviation of the last `TRAILING_BARS` returns before the day, and its tercile
    that among all earlier days' and its own: both are known before the day begins. The first
    `TRAILING_BARS` days have no volatility, and as many after them no terciles.

    Parameters
    ----------
    market
        Returns of the equal-weight universe, shape (T,).
    """
    regime = np.full(len(market), -1, dtype=np.int8)
    if len(market) <= TRAILING_BARS + _LEAST_PAST:
        return regime
    windows = np.lib.stride_tricks.sliding_window_view(market[:-1], TRAILING_BARS)
    volatility = windows.std(axis=1)
    for number in range(_LEAST_PAST, len(volatility)):
        past = volatility[: number + 1]
        share = (np.count_nonzero(past < past[-1]) + 0.5) / len(past)
        regime[TRAILING_BARS + number] = min(int(share * len(REGIMES)), len(REGIMES) - 1)
    return regime
