"""Generated histories with one split, one gap, or neither: arrays of bars, three years each."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from resources.price_store.jumps import AdjustedBars

BARS = 756
DAILY, OVERNIGHT, VOLUME = 0.015, 0.004, 0.4
"""Standard deviations, as logarithms, of a day's move, a night's, and a session's volume."""
PERSISTENT = 0.7
"""Correlation of a session's volume with the next, as that of US shares."""

# Neither among the first sessions nor among the last: there is a level of volume on both sides.
_MARGIN = 20

Histories = Iterator[AdjustedBars]


def ordinary(
    random: np.random.Generator, persistence: float = 0.0, bars: int = BARS
) -> AdjustedBars:
    """Return a random walk with lognormal volume."""
    close = np.cumsum(random.normal(0.0, DAILY, bars))
    opens = np.append(0.0, close[:-1]) + random.normal(0.0, OVERNIGHT, bars)
    noise = random.normal(0.0, np.sqrt(1.0 - persistence**2), bars)
    level = np.zeros(bars)
    level[0] = random.normal()
    for at in range(1, bars):
        level[at] = persistence * level[at - 1] + noise[at]
    opens, close = 100.0 * np.exp(opens), 100.0 * np.exp(close)
    days = np.busday_offset("2015-01-02", np.arange(bars), roll="forward")
    return AdjustedBars(
        days,
        opens,
        np.maximum(opens, close) * 1.003,
        np.minimum(opens, close) * 0.997,
        close,
        np.rint(1e6 * np.exp(VOLUME * level)),
    )


def divide(
    bars: AdjustedBars, session: int, ratio: float, volume: np.ndarray | float
) -> AdjustedBars:
    """Return the bars with prices divided and volume multiplied from a session on."""
    by, times = np.ones(len(bars.days)), np.ones(len(bars.days))
    by[session:], times[session:] = 1.0 / ratio, volume
    prices = {name: getattr(bars, name) * by for name in ("open", "high", "low", "close")}
    return replace(bars, **prices, volume=bars.volume * times)


def splits(seed: int, ratio: float, count: int) -> Histories:
    """Yield histories with a split that scales the volume, every other with persistent volume."""
    for _, bars, session in _draw(seed, count):
        yield divide(bars, session, ratio, ratio)


def gaps(
    seed: int, ratio: Callable[[np.random.Generator], float], busy: bool, count: int
) -> Histories:
    """Yield histories with a move that is no split.

    The day is 3 to 10 times as busy as usual, and what is above that decays within days; or it is
    as busy as any.
    """
    for random, bars, session in _draw(seed, count):
        after = np.arange(len(bars.days) - session)
        decay = (random.uniform(3.0, 10.0) - 1.0) * np.exp(-after / random.uniform(2.0, 8.0))
        yield divide(bars, session, ratio(random), 1.0 + busy * decay)


def neither(seed: int, count: int) -> Histories:
    """Yield ordinary histories."""
    for _, bars, _ in _draw(seed, count):
        yield bars


def _draw(seed: int, count: int) -> Iterator[tuple[np.random.Generator, AdjustedBars, int]]:
    random = np.random.default_rng(seed)
    for number in range(count):
        bars = ordinary(random, PERSISTENT if number % 2 else 0.0)
        yield random, bars, int(random.integers(_MARGIN, BARS - _MARGIN))
