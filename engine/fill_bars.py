"""What the bars of a block offer to fills: days, volume, volatility and spreads."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.costs import FillMarket
from engine.history import TradedHistory
from strategies.base import Floats, Ints

VOLATILITY_BARS = 20
"""Returns that the volatility of a fill is of: a month, all of them before its bar."""

_LEAST_RETURNS = 2


@dataclass(frozen=True)
class FillBars:
    """The bars of H symbols, T in the window; all of shape (H, T).

    Parameters
    ----------
    dates
        ``datetime64[D]``.
    volume
        In shares; NaN up to the first bar with volume, and of symbols without any.
    volatility
        Sample deviation of the returns from close to close of the 20 bars before each bar, or of
        as many as there are, at least two; NaN without these.
    half_spread
        Fraction of the price; NaN where a history has none.
    """

    dates: NDArray[np.datetime64]
    volume: Floats
    volatility: Floats
    half_spread: Floats

    @classmethod
    def of(cls, histories: Sequence[TradedHistory]) -> "FillBars":
        """Return the bars of histories with the same number of them in the window."""
        return cls(
            np.stack([one.dates[one.first :] for one in histories]),
            np.stack([find_volume(one) for one in histories]),
            np.stack([_measure_volatility(one) for one in histories]),
            np.stack([_find_half_spread(one) for one in histories]),
        )

    def at(self, symbol: Ints, bar: int, price: Floats) -> FillMarket:
        """Return the market of some symbols on one bar, at a price before costs."""
        return FillMarket(
            price,
            self.volume[symbol, bar],
            self.volatility[symbol, bar],
            self.half_spread[symbol, bar],
        )


def find_volume(history: TradedHistory) -> Floats:
    """Return the volume of the window's bars, NaN before the first bar with any, shape (T,)."""
    volume = history.bars.volume
    # Of a feed that has shown no volume yet, nothing is known; later bars must not decide it.
    known = np.logical_or.accumulate(volume > 0)
    return np.where(known, volume, np.nan)[history.first :]


def _measure_volatility(history: TradedHistory) -> Floats:
    close = history.bars.close
    returns = np.full(len(close), np.nan)
    returns[1:] = close[1:] / close[:-1] - 1.0
    padded = np.concatenate([np.full(VOLATILITY_BARS, np.nan), returns])
    # The row of a bar ends with the return of the bar before it.
    before = np.lib.stride_tricks.sliding_window_view(padded, VOLATILITY_BARS)[:-1]
    before = before[history.first :]
    known = ~np.isnan(before)
    count = known.sum(axis=1)
    total = np.where(known, before, 0.0).sum(axis=1)
    mean = total / np.maximum(count, 1)
    squares = np.where(known, before - mean[:, None], 0.0) ** 2
    with np.errstate(invalid="ignore", divide="ignore"):
        deviation = np.sqrt(squares.sum(axis=1) / (count - 1))
    return np.where(count >= _LEAST_RETURNS, deviation, np.nan)


def _find_half_spread(history: TradedHistory) -> Floats:
    if history.half_spread is None:
        return np.full(history.traded_bars, np.nan)
    return history.half_spread[history.first :]
