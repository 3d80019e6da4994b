"""Each strategy's rule, said a second time in pandas or plain Python.

The second telling shares no code with strategies/: where TA-Lib smooths, the recursion is
written out.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from strategies.base import Signals
from strategies.registry import registered_strategies
from tests.bars import random_bars
from tests.strategies.look_ahead import cut

BARS = random_bars(400, seed=7)
# pandas ships no types, and its own annotations say that a Series divided may be a frame.
Series = Any
CLOSE: Series = pd.Series(BARS.close)
VOLUME: Series = pd.Series(BARS.volume)
Rule = tuple[Series, Series]


def _seeded_ema(values: Series, period: int, first: int) -> Series:
    """Return the EMA whose first value, at bar `first`, is the SMA of the period ending there."""
    out = np.full(len(values), np.nan)
    out[first] = values.iloc[first - period + 1 : first + 1].mean()
    for bar in range(first + 1, len(values)):
        out[bar] = out[bar - 1] + 2 / (period + 1) * (values.iloc[bar] - out[bar - 1])
    return pd.Series(out)


def _wilder_rsi(close: Series, period: int) -> Series:
    change = close.diff().to_numpy()
    gain, loss = np.maximum(change, 0), np.maximum(-change, 0)
    out = np.full(len(close), np.nan)
    up, down = gain[1 : period + 1].mean(), loss[1 : period + 1].mean()
    for bar in range(period, len(close)):
        if bar > period:
            up = (up * (period - 1) + gain[bar]) / period
            down = (down * (period - 1) + loss[bar]) / period
        out[bar] = 100 * up / (up + down)
    return pd.Series(out)


def _cross(a: Series, b: Series) -> Rule:
    return (a > b) & (a.shift() <= b.shift()), (a < b) & (a.shift() >= b.shift())


def _sma_cross() -> Rule:
    return _cross(CLOSE.rolling(10).mean(), CLOSE.rolling(20).mean())


def _ema_cross() -> Rule:
    return _cross(_seeded_ema(CLOSE, 12, 11), _seeded_ema(CLOSE, 26, 25))


def _macd() -> Rule:
    line = _seeded_ema(CLOSE, 12, 25) - _seeded_ema(CLOSE, 26, 25)
    return _cross(line.where(line.index >= 33), _seeded_ema(line, 9, 33))


def _rsi() -> Rule:
    rsi = _wilder_rsi(CLOSE, 14)
    return (rsi < 30) & (rsi.shift() >= 30), (rsi > 70) & (rsi.shift() <= 70)


def _bollinger() -> Rule:
    mean, deviation = CLOSE.rolling(20).mean(), CLOSE.rolling(20).std(ddof=0)
    low, high = mean - 2 * deviation, mean + 2 * deviation
    before = CLOSE.shift()
    return (
        (low >= CLOSE) & (before > low.shift()),
        (high <= CLOSE) & (before < high.shift()),
    )


def _momentum() -> Rule:
    change = CLOSE / CLOSE.shift(20) - 1
    return change > 0.05, change < -0.05


def _mean_reversion() -> Rule:
    average = CLOSE.rolling(20).mean()
    distance = (CLOSE - average) / average
    return distance < -0.02, distance > 0.01


def _breakout() -> Rule:
    before = CLOSE.shift()
    return before.rolling(20).max() < CLOSE, before.rolling(10).min() > CLOSE


def _volume_momentum() -> Rule:
    change, average = CLOSE / CLOSE.shift(20) - 1, VOLUME.rolling(20).mean()
    entries = (change > 0.05) & (average * 1.5 < VOLUME)
    return entries, (change < -0.05) | (average * 0.8 > VOLUME)


RULES: dict[str, Callable[[], Rule]] = {
    "bollinger": _bollinger,
    "breakout": _breakout,
    "ema_cross": _ema_cross,
    "macd": _macd,
    "mean_reversion": _mean_reversion,
    "momentum": _momentum,
    "rsi": _rsi,
    "sma_cross": _sma_cross,
    "volume_momentum": _volume_momentum,
}


def _both(signals: Signals) -> np.ndarray:
    return np.vstack([signals.entries, signals.exits])


@pytest.mark.parametrize("name", RULES)
def test_the_signals_follow_the_rule(name: str):
    signals = registered_strategies()[name]().signals(BARS)
    entries, exits = RULES[name]()
    assert signals.entries.any()
    assert signals.exits.any()
    np.testing.assert_array_equal(signals.entries, entries)
    np.testing.assert_array_equal(signals.exits, exits)


@pytest.mark.parametrize("name", sorted(registered_strategies()))
@pytest.mark.parametrize("seed", range(5))
def test_no_entry_comes_before_the_look_back_is_full(name: str, seed: int):
    strategy = registered_strategies()[name]()
    assert not strategy.signals(random_bars(60, seed)).entries[: strategy.look_back].any()


@pytest.mark.parametrize("name", sorted(registered_strategies()))
def test_a_single_bar_gives_no_signal(name: str):
    assert not _both(registered_strategies()[name]().signals(cut(BARS, 1))).any()


def test_no_two_strategies_have_the_same_signals():
    seen: dict[bytes, str] = {}
    for name, cls in registered_strategies().items():
        fingerprint = _both(cls().signals(BARS)).tobytes()
        assert fingerprint not in seen, f"{name} trades like {seen.get(fingerprint)}"
        seen[fingerprint] = name
