"""Signals in exact arithmetic: rules as fractions of whole ticks, on prices that make ties."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np

from strategies.base import Bars, Strategy

TICK = 0.01

Exact = Sequence[Fraction | None]
Rule = tuple[list[bool], list[bool]]


def tick_bars(ticks: Sequence[int], volume: Sequence[int] | None = None) -> Bars:
    """Return bars whose prices are whole ticks, as decimal text is read: 12345 ticks are 123.45."""
    close = np.array([float(f"{tick // 100}.{tick % 100:02}") for tick in ticks])
    shares = np.array(volume if volume is not None else [1000] * len(ticks), dtype=np.float64)
    return Bars(close, close, close, close, shares)


def mean(values: Sequence[int], period: int) -> list[Fraction | None]:
    """Return the average of the last `period` values, None before."""
    return [
        Fraction(sum(values[bar - period + 1 : bar + 1]), period) if bar >= period - 1 else None
        for bar in range(len(values))
    ]


def _crossings(a: Exact, b: Exact) -> Rule:
    above, below = [False], [False]
    for (a_before, b_before), (a_now, b_now) in pairwise(zip(a, b, strict=True)):
        if a_before is None or b_before is None or a_now is None or b_now is None:
            above.append(False)
            below.append(False)
        else:
            above.append(a_now > b_now and a_before <= b_before)
            below.append(a_now < b_now and a_before >= b_before)
    return above, below


def _sma_cross(p: Any, close: Sequence[int], _: Sequence[int]) -> Rule:
    return _crossings(mean(close, p.fast_period), mean(close, p.slow_period))


def _mean_reversion(p: Any, close: Sequence[int], _: Sequence[int]) -> Rule:
    average = mean(close, p.ma_period)
    low, high = 1 - _decimal(p.entry_threshold), 1 + _decimal(p.exit_threshold)
    return (
        [m is not None and c < m * low for c, m in zip(close, average, strict=True)],
        [m is not None and c > m * high for c, m in zip(close, average, strict=True)],
    )


def _momentum(p: Any, close: Sequence[int], _: Sequence[int]) -> Rule:
    return _beyond(close, p.lookback, _decimal(p.threshold))


def _volume_momentum(p: Any, close: Sequence[int], volume: Sequence[int]) -> Rule:
    up, down = _beyond(close, p.momentum_period, _decimal(p.momentum_threshold))
    average = mean(volume, p.volume_period)
    high, low = _decimal(p.volume_multiplier), Fraction(8, 10)
    busy = [m is not None and v > high * m for v, m in zip(volume, average, strict=True)]
    quiet = [m is not None and v < low * m for v, m in zip(volume, average, strict=True)]
    return (
        [one and other for one, other in zip(up, busy, strict=True)],
        [one or other for one, other in zip(down, quiet, strict=True)],
    )


def _breakout(p: Any, close: Sequence[int], _: Sequence[int]) -> Rule:
    bars = range(len(close))
    return (
        [t >= p.lookback and close[t] > max(close[t - p.lookback : t]) for t in bars],
        [t >= p.exit_lookback and close[t] < min(close[t - p.exit_lookback : t]) for t in bars],
    )


def _bollinger(p: Any, close: Sequence[int], _: Sequence[int]) -> Rule:
    average, width = mean(close, p.period), _decimal(p.std_dev)

    def side(bar: int, sign: int) -> int | None:
        """Return 1 if the close is beyond the band, 0 if it is on it, -1 if it is within it."""
        centre = average[bar]
        if centre is None:
            return None
        window = close[bar - p.period + 1 : bar + 1]
        variance = Fraction(sum(one * one for one in window), p.period) - centre * centre
        distance = sign * (close[bar] - centre)
        squared = distance * abs(distance) - width * width * variance
        return (squared > 0) - (squared < 0)

    def reached(bar: int, sign: int) -> bool:
        now, before = side(bar, sign), side(bar - 1, sign) if bar else None
        return now is not None and before is not None and now >= 0 > before

    bars = range(len(close))
    return [reached(bar, -1) for bar in bars], [reached(bar, 1) for bar in bars]


def _beyond(close: Sequence[int], lookback: int, threshold: Fraction) -> Rule:
    change = [
        Fraction(close[t], close[t - lookback]) - 1 if t >= lookback else None
        for t in range(len(close))
    ]
    return (
        [one is not None and one > threshold for one in change],
        [one is not None and one < -threshold for one in change],
    )


def _decimal(value: float) -> Fraction:
    """Return a parameter as it was written: 0.05 is five hundredths."""
    return Fraction(repr(value))


RULES: dict[str, Callable[[Any, Sequence[int], Sequence[int]], Rule]] = {
    "bollinger": _bollinger,
    "breakout": _breakout,
    "mean_reversion": _mean_reversion,
    "momentum": _momentum,
    "sma_cross": _sma_cross,
    "volume_momentum": _volume_momentum,
}
"""The strategies without a recursion: all that exact arithmetic can follow."""


def exact_signals(strategy: Strategy, ticks: Sequence[int], volume: Sequence[int]) -> Rule:
    """Return the entries and exits of a strategy in exact arithmetic."""
    return RULES[strategy.name](strategy, ticks, volume)
