"""Bars that strategies which learn are tested on, and slow second implementations of what they do.

The second implementations share no code with strategies/: pandas, scikit-learn and loops.
"""

from typing import Any

import numpy as np
import pandas as pd

from strategies.base import Bars, Strategy
from strategies.registry import registered_strategies
from tests.bars import draw_bars_around
from tests.strategies.wilder import wilder_rsi

LEARNING = sorted(name for name, one in registered_strategies().items() if one.learns)
"""The strategies that fit a model."""


def regime_bars(length: int, seed: int = 0) -> Bars:
    """Return bars whose volatility stays for a while at one of three levels."""
    rng = np.random.default_rng(seed)
    deviation, state = np.empty(length), 0
    for bar in range(length):
        state = rng.integers(3) if rng.random() < 0.02 else state
        deviation[bar] = (0.006, 0.014, 0.035)[state]
    close = 100 * np.exp(np.cumsum(rng.normal(0.0004, 1.0, length) * deviation))
    return draw_bars_around(close, rng, gap=0.002, reach=0.002)


def both(strategy: Strategy, bars: Bars) -> np.ndarray:
    """Return entries and exits, shape (2, n)."""
    signals = strategy.signals(bars)
    return np.vstack([signals.entries, signals.exits])


def features_by_pandas(bars: Bars) -> Any:
    """Return the features of online_learning, one column each."""
    close, volume = pd.Series(bars.close), pd.Series(np.log1p(bars.volume))
    logs: Any = np.log(close)
    sd, long_sd = (logs.diff().rolling(period).std(ddof=0) for period in (20, 60))
    columns = {f"return_{lag}": logs.diff(lag) / sd / lag**0.5 for lag in (1, 5, 20, 60)}
    for period in (20, 50):
        average = close.rolling(period).mean()
        columns[f"distance_to_sma_{period}"] = (close / average - 1) / sd / period**0.5
    columns["volatility"] = np.log(sd / long_sd)
    volume_sd = volume.rolling(20).std(ddof=0)
    columns["volume"] = (volume - volume.rolling(20).mean()) / volume_sd
    columns["rsi_14"] = (wilder_rsi(close, 14) - 50) / 25
    columns["constant"] = pd.Series(1.0, close.index)
    return pd.DataFrame(columns).clip(-5, 5), sd
