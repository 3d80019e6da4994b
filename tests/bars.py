"""Bars for tests: random but seeded, written by hand, or drawn by hypothesis."""

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from engine.history import History
from strategies.base import Bars

FIRST_DAY = np.datetime64("2021-01-04")
DAY = np.timedelta64(1, "D")


def random_bars(length: int, seed: int = 0) -> Bars:
    """Return consistent OHLC and volume bars with about 2 % of daily movement."""
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0.0005, 0.02, length)))
    opening = close * (1 + rng.normal(0, 0.005, length))
    return Bars(
        open=opening,
        high=np.maximum(opening, close) * 1.004,
        low=np.minimum(opening, close) * 0.996,
        close=close,
        volume=rng.lognormal(13, 0.6, length).round(),
    )


def history(bars: Bars, symbol: str = "TEST") -> History:
    """Return the bars on consecutive days from `FIRST_DAY`."""
    return History(symbol, FIRST_DAY + np.arange(len(bars)) * DAY, bars)


def random_history(symbol: str, length: int, seed: int) -> History:
    """Return `random_bars` as the history of `symbol`."""
    return history(random_bars(length, seed), symbol)


def bars_of(opens: list[float], closes: list[float]) -> Bars:
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


def bars_in_steps(rows: Sequence[tuple[int, int, int, int]]) -> Bars:
    """Return bars from steps of 1 %: gap to the open, move to the close, reach up, reach down.

    Steps make equal prices, and so the ties on which rules are decided, likely.
    """
    gap, move, up, down = (np.array(steps) for steps in zip(*rows, strict=True))
    before = np.concatenate([[0], np.cumsum(gap + move)[:-1]])
    opening, close = 100.0 * 1.01 ** (before + gap), 100.0 * 1.01 ** (before + gap + move)
    return Bars(
        open=opening,
        high=np.maximum(opening, close) * 1.01**up,
        low=np.minimum(opening, close) / 1.01**down,
        close=close,
        volume=np.full(len(close), 1000.0),
    )


def steps(largest: int) -> st.SearchStrategy[tuple[int, int, int, int]]:
    """Draw one bar for `bars_in_steps`, whose gap and move are at most `largest` each way."""
    way, reach = st.integers(-largest, largest), st.integers(0, 3)
    return st.tuples(way, way, reach, reach)
