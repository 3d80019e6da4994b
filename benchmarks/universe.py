"""The universe for timing: random walks instead of prices, the same on every machine."""

from datetime import date

import numpy as np

from engine.history import History
from engine.settings import Window
from strategies.base import Bars, Strategy
from strategies.registry import registered_strategies

# Those that compute indicators: a strategy that fits a model would hide the engine's own time.
NINE = (
    "sma_cross",
    "rsi",
    "macd",
    "bollinger",
    "momentum",
    "ema_cross",
    "mean_reversion",
    "breakout",
    "volume_momentum",
)

_FIRST_DAY = np.datetime64("2000-01-03")

WINDOW = Window(date(2000, 1, 1), date(2099, 12, 31))
"""From before the first bar to after the last bar of any history here."""


def nine_strategies() -> list[Strategy]:
    """Return the nine strategies with their default parameters."""
    return [registered_strategies()[name]() for name in NINE]


def universe(symbols: int, bars: int) -> list[History]:
    """Return `symbols` histories of `bars` daily bars each."""
    return [history(number, bars) for number in range(symbols)]


def history(number: int, bars: int) -> History:
    """Return one symbol's bars, which depend only on its number and on their count.

    Daily returns are N(0.0005, 0.02); opens, highs and lows are consistent with the closes.
    """
    random = np.random.default_rng([number, bars])
    close = 100.0 * np.exp(np.cumsum(random.normal(0.0005, 0.02, bars)))
    opening = close * (1.0 + random.normal(0.0, 0.005, bars))
    return History(
        f"S{number:05d}",
        np.busday_offset(_FIRST_DAY, np.arange(bars)),
        Bars(
            open=opening,
            high=np.maximum(opening, close) * 1.004,
            low=np.minimum(opening, close) * 0.996,
            close=close,
            volume=random.lognormal(13.0, 0.6, bars).round(),
        ),
    )
