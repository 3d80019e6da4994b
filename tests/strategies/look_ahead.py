"""Checks for look-ahead that apply to any strategy, and strategies that peek."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from strategies.base import Bars, Floats, Signals, Strategy


def cut(bars: Bars, stop: int) -> Bars:
    """Return the bars before `stop`."""
    return Bars(*(getattr(bars, name)[:stop].copy() for name in bars.__dataclass_fields__))


def _bump(bars: Bars) -> Bars:
    return Bars(*(getattr(bars, name) * 1.07 for name in bars.__dataclass_fields__))


def _spike(bars: Bars) -> Bars:
    factor = np.where(np.arange(len(bars)) % 2, 9.0, 0.2)
    return Bars(*(getattr(bars, name) * factor for name in bars.__dataclass_fields__))


def _silence(bars: Bars) -> Bars:
    return replace(bars, volume=np.zeros(len(bars)))


def _flatten(bars: Bars) -> Bars:
    flat = np.full(len(bars), bars.open[0])
    return Bars(flat, flat, flat, flat, bars.volume)


CHANGES: dict[str, Callable[[Bars], Bars]] = {
    "bump": _bump,
    "spike": _spike,
    "silence": _silence,
    "flatten": _flatten,
}
"""Changes of later bars."""


def changed_from(bars: Bars, start: int, change: str) -> Bars:
    """Return the bars with those from `start` on changed."""
    later = Bars(*(getattr(bars, name)[start:] for name in bars.__dataclass_fields__))
    other = CHANGES[change](later)
    return Bars(
        *(
            np.concatenate([getattr(bars, name)[:start], getattr(other, name)])
            for name in bars.__dataclass_fields__
        )
    )


def assert_a_prefix_gives_the_prefix(strategy: Strategy, bars: Bars, stop: int) -> None:
    """Assert that signals and strength of the bars before `stop` equal those of all bars."""
    _assert_equal_before(strategy, cut(bars, stop), bars, stop)


def assert_later_bars_change_nothing(
    strategy: Strategy, bars: Bars, start: int, change: str
) -> None:
    """Assert that changed bars from `start` on do not change earlier signals and strengths."""
    _assert_equal_before(strategy, changed_from(bars, start, change), bars, start)


def _assert_equal_before(strategy: Strategy, some: Bars, bars: Bars, stop: int) -> None:
    whole, other = strategy.signals(bars), strategy.signals(some)
    np.testing.assert_array_equal(other.entries[:stop], whole.entries[:stop])
    np.testing.assert_array_equal(other.exits[:stop], whole.exits[:stop])
    strong, strength = strategy.strength(bars), strategy.strength(some)
    assert (strong is None) == (strength is None)
    if strong is not None and strength is not None:
        assert strong.shape == bars.close.shape
        np.testing.assert_array_equal(strength[:stop], strong[:stop])


@dataclass(frozen=True)
class _Planted(Strategy):
    @property
    def lookback_bars(self) -> int:
        return 1


class NextClose(_Planted):
    """Buys if the next close is higher."""

    def signals(self, bars: Bars) -> Signals:
        tomorrow = np.append(bars.close[1:], np.nan)
        return Signals(tomorrow > bars.close, tomorrow < bars.close)


class WholeSample(_Planted):
    """Compares each close with the mean and deviation of all closes, including later ones."""

    def signals(self, bars: Bars) -> Signals:
        score = (bars.close - bars.close.mean()) / bars.close.std()
        return Signals(score < -0.5, score > 0.5)


class CentredWindow(_Planted):
    """Compares each close with the mean of five closes, two of them later."""

    def signals(self, bars: Bars) -> Signals:
        mean = np.convolve(bars.close, np.full(5, 0.2), mode="same")
        return Signals(bars.close < mean, bars.close > mean)


class BackFilled(_Planted):
    """Uses the highest close of 50 bars from the first bar on."""

    def signals(self, bars: Bars) -> Signals:
        top = np.full(len(bars), bars.close[:50].max())
        return Signals(bars.close < 0.9 * top, bars.close >= top)


class StrongestOfTheSample(_Planted):
    """Signals nothing, and ranks by how far the close is from the highest, later ones included."""

    def signals(self, bars: Bars) -> Signals:
        return Signals(np.zeros(len(bars), dtype=np.bool_), np.zeros(len(bars), dtype=np.bool_))

    def strength(self, bars: Bars) -> Floats:
        return bars.close / bars.close.max()


PEEKING = [NextClose, WholeSample, CentredWindow, BackFilled]
"""In their signals."""

ALL_PEEKING = [*PEEKING, StrongestOfTheSample]
