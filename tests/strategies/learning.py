"""Bars that strategies which learn are tested on, and slow second implementations of what they do.

The second implementations share no code with strategies/: pandas, scikit-learn and loops.
"""

from typing import Any

import numpy as np
import pandas as pd

from strategies.base import Bars, Strategy
from strategies.registry import registered_strategies

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
    opening = close * (1 + rng.normal(0, 0.002, length))
    return Bars(
        open=opening,
        high=np.maximum(opening, close) * 1.002,
        low=np.minimum(opening, close) * 0.998,
        close=close,
        volume=rng.lognormal(13, 0.6, length).round(),
    )


def both(strategy: Strategy, bars: Bars) -> np.ndarray:
    """Return entries and exits, shape (2, n)."""
    signals = strategy.signals(bars)
    return np.vstack([signals.entries, signals.exits])


def features_by_pandas(bars: Bars) -> Any:
    """Return the features of online_learning, one column each."""
    close, volume = pd.Series(bars.close), pd.Series(np.log1p(bars.volume))
    logs: Any = np.log(close)
    change = close.diff()
    sd, long_sd = (logs.diff().rolling(period).std(ddof=0) for period in (20, 60))
    columns = {f"return_{lag}": logs.diff(lag) / sd / lag**0.5 for lag in (1, 5, 20, 60)}
    for period in (20, 50):
        average = close.rolling(period).mean()
        columns[f"distance_to_sma_{period}"] = (close / average - 1) / sd / period**0.5
    columns["volatility"] = np.log(sd / long_sd)
    volume_sd = volume.rolling(20).std(ddof=0)
    columns["volume"] = (volume - volume.rolling(20).mean()) / volume_sd
    columns["rsi_14"] = (_wilder(change, 14) - 50) / 25
    columns["constant"] = pd.Series(1.0, close.index)
    return pd.DataFrame(columns).clip(-5, 5), sd


def _wilder(change: Any, period: int) -> Any:
    up, down = change.clip(lower=0).to_numpy(), (-change.clip(upper=0)).to_numpy()
    out = np.full(len(change), np.nan)
    gain, loss = up[1 : period + 1].mean(), down[1 : period + 1].mean()
    for bar in range(period, len(change)):
        if bar > period:
            gain = (gain * (period - 1) + up[bar]) / period
            loss = (loss * (period - 1) + down[bar]) / period
        out[bar] = 100 * gain / (gain + loss)
    return out
