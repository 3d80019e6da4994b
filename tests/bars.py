"""Bars for tests: random but seeded, ragged where a test wants it, or written by hand."""

import numpy as np
import pandas as pd

from engine.history import History
from strategies.base import Bars, Floats

FIRST_DAY = np.datetime64("2021-01-04")
DAY = np.timedelta64(1, "D")


def random_bars(length: int, seed: int = 0) -> Bars:
    """Return consistent OHLC and volume bars with about 2 % of daily movement."""
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0.0005, 0.02, length)))
    return draw_bars_around(close, rng, gap=0.005, reach=0.004)


def draw_bars_around(close: Floats, rng: np.random.Generator, gap: float, reach: float) -> Bars:
    """Return consistent bars with these closes.

    Opens deviate from them by `gap`, highs and lows go beyond both by `reach`: fractions.
    """
    opening = close * (1 + rng.normal(0, gap, len(close)))
    return Bars(
        open=opening,
        high=np.maximum(opening, close) * (1 + reach),
        low=np.minimum(opening, close) * (1 - reach),
        close=close,
        volume=rng.lognormal(13, 0.6, len(close)).round(),
    )


def history(bars: Bars, symbol: str = "TEST") -> History:
    """Return the bars on consecutive days from `FIRST_DAY`."""
    return History(symbol, FIRST_DAY + np.arange(len(bars)) * DAY, bars)


def random_history(symbol: str, length: int, seed: int) -> History:
    """Return `random_bars` as the history of `symbol`."""
    return history(random_bars(length, seed), symbol)


def random_frame(length: int, seed: int) -> pd.DataFrame:
    """Return `random_bars` on consecutive days, as a data provider gives them."""
    bars = random_bars(length, seed)
    columns = {name.capitalize(): getattr(bars, name) for name in bars.__dataclass_fields__}
    return pd.DataFrame(columns, pd.date_range(str(FIRST_DAY), periods=length))


def build_bars(opens: list[float], closes: list[float]) -> Bars:
    """Return hand-written bars whose highs and lows just hold opens and closes."""
    opening, close = np.array(opens, dtype=float), np.array(closes, dtype=float)
    return Bars(
        open=opening,
        high=np.maximum(opening, close),
        low=np.minimum(opening, close),
        close=close,
        volume=np.full(len(close), 1000.0),
    )


def ohlc(*rows: tuple[float, float, float, float]) -> Bars:
    """Return hand-written bars, each an open, high, low and close."""
    opening, high, low, close = (
        np.array(prices, dtype=float) for prices in zip(*rows, strict=True)
    )
    return Bars(opening, high, low, close, np.full(len(close), 1000.0))
