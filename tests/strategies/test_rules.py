"""Each strategy's rule, implemented a second time in pandas or plain Python.

The second implementation shares no code with strategies/: recursions of TA-Lib are written out.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from engine.parameter_grid import build_grid
from strategies.base import Signals
from strategies.registry import registered_strategies
from tests.bars import random_bars
from tests.strategies.look_ahead import cut
from tests.strategies.wilder import wilder_rsi

# Enough bars for entries and exits after a lookback of 200.
BARS = random_bars(1500, seed=7)
# pandas has no usable types: by its annotations a Series divided may be a frame.
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


def _cross(a: Series, b: Series) -> Rule:
    return (a > b) & (a.shift() <= b.shift()), (a < b) & (a.shift() >= b.shift())


def _sma_cross(p: Any) -> Rule:
    return _cross(CLOSE.rolling(p.fast_period).mean(), CLOSE.rolling(p.slow_period).mean())


def _ema_cross(p: Any) -> Rule:
    fast, slow = p.fast_period, p.slow_period
    return _cross(_seeded_ema(CLOSE, fast, fast - 1), _seeded_ema(CLOSE, slow, slow - 1))


def _macd(p: Any) -> Rule:
    # Both averages begin with the slow one; the signal line with the line's own period.
    first = p.slow_period - 1
    line = _seeded_ema(CLOSE, p.fast_period, first) - _seeded_ema(CLOSE, p.slow_period, first)
    begins = first + p.signal_period - 1
    return _cross(line.where(line.index >= begins), _seeded_ema(line, p.signal_period, begins))


def _rsi(p: Any) -> Rule:
    rsi = wilder_rsi(CLOSE, p.period)
    before = rsi.shift()
    return (
        (rsi < p.oversold) & (before >= p.oversold),
        (rsi > p.overbought) & (before <= p.overbought),
    )


def _bollinger(p: Any) -> Rule:
    mean, deviation = CLOSE.rolling(p.period).mean(), CLOSE.rolling(p.period).std(ddof=0)
    low, high = mean - p.std_dev * deviation, mean + p.std_dev * deviation
    before = CLOSE.shift()
    return (
        (low >= CLOSE) & (before > low.shift()),
        (high <= CLOSE) & (before < high.shift()),
    )


def _momentum(p: Any) -> Rule:
    change = CLOSE / CLOSE.shift(p.lookback) - 1
    return change > p.threshold, change < -p.threshold


def _mean_reversion(p: Any) -> Rule:
    average = CLOSE.rolling(p.ma_period).mean()
    distance = (CLOSE - average) / average
    return distance < -p.entry_threshold, distance > p.exit_threshold


def _breakout(p: Any) -> Rule:
    before = CLOSE.shift()
    highest, lowest = before.rolling(p.lookback).max(), before.rolling(p.exit_lookback).min()
    return highest < CLOSE, lowest > CLOSE


def _volume_momentum(p: Any) -> Rule:
    change = CLOSE / CLOSE.shift(p.momentum_period) - 1
    average = VOLUME.rolling(p.volume_period).mean()
    entries = (change > p.momentum_threshold) & (average * p.volume_multiplier < VOLUME)
    return entries, (change < -p.momentum_threshold) | (average * 0.8 > VOLUME)


RULES: dict[str, Callable[[Any], Rule]] = {
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
def test_signals_follow_the_rule(name: str):
    strategy = registered_strategies()[name]()
    signals = strategy.signals(BARS)
    entries, exits = RULES[name](strategy)
    assert signals.entries.any()
    assert signals.exits.any()
    np.testing.assert_array_equal(signals.entries, entries)
    np.testing.assert_array_equal(signals.exits, exits)


@pytest.mark.parametrize("name", RULES)
def test_signals_follow_the_rule_for_all_sweep_values(name: str):
    seen = 0
    for strategy in build_grid(name).strategies:
        signals, (entries, exits) = strategy.signals(BARS), RULES[name](strategy)
        np.testing.assert_array_equal(signals.entries, entries, err_msg=str(strategy))
        np.testing.assert_array_equal(signals.exits, exits, err_msg=str(strategy))
        seen += signals.entries.sum()
    assert seen


@pytest.mark.parametrize("name", sorted(registered_strategies()))
@pytest.mark.parametrize("seed", range(5))
def test_no_entry_comes_before_the_lookback_is_full(name: str, seed: int):
    strategy = registered_strategies()[name]()
    assert not strategy.signals(random_bars(60, seed)).entries[: strategy.lookback_bars].any()


@pytest.mark.parametrize("name", sorted(registered_strategies()))
def test_a_single_bar_gives_no_signal(name: str):
    assert not _both(registered_strategies()[name]().signals(cut(BARS, 1))).any()


def test_no_two_strategies_have_the_same_signals():
    seen: dict[bytes, str] = {}
    for name, cls in registered_strategies().items():
        fingerprint = _both(cls().signals(BARS)).tobytes()
        assert fingerprint not in seen, f"{name} trades like {seen.get(fingerprint)}"
        seen[fingerprint] = name
