"""Whether a search finds more on the market's days than on the same days in another order."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from engine.history import History
from engine.settings import Window
from strategies.base import Bars, Floats, Ints


@dataclass(frozen=True)
class DayPermutation:
    """The best statistic of a search, and what the same search finds on permuted days.

    Parameters
    ----------
    statistic
        On the days as they were.
    permuted
        On each permutation, in the order that they were drawn.
    p_value
        (1 + number of permutations that reach the statistic) / (1 + permutations).
    """

    statistic: float
    permuted: Sequence[float]
    p_value: float


def compare_with_permuted_days(
    run: Callable[[Sequence[History]], float],
    histories: Sequence[History],
    window: Window,
    *,
    permutations: int = 19,
    seed: int = 0,
) -> DayPermutation:
    """Return the test of a whole search; `run` gives the best statistic of some histories.

    What depends on the order of days is gone on the permuted ones, everything else is kept: what
    each symbol earned, and what symbols do on the same day. So it needs no model of the market. It
    runs the search once more per permutation; 19 are the fewest that can show 5 %.
    """
    statistic = run(histories)
    generator = np.random.default_rng(seed)
    found = [run(permute_days(histories, window, generator)) for _ in range(permutations)]
    reached = sum(one >= statistic for one in found)
    return DayPermutation(statistic, found, (1 + reached) / (1 + permutations))


def permute_days(
    histories: Sequence[History], window: Window, generator: np.random.Generator
) -> list[History]:
    """Return histories whose days in the window are in another order, the same for all symbols.

    A day is the bar as multiples of the close before it, and its volume. Each symbol keeps its
    dates, the bars before the window, and its last close in the window up to rounding.
    """
    start, stop = window.days
    days = int((stop - start).astype(np.int64))
    rank = generator.permutation(days)
    return [_permute(history, start, stop, rank) for history in histories]


def _permute(history: History, start: np.datetime64, stop: np.datetime64, rank: Ints) -> History:
    first, end = history.dates.searchsorted([start, stop]).tolist()
    first = max(first, 1)  # the first bar of all follows no close
    if end - first < 2:  # noqa: PLR2004
        return history
    days = (history.dates[first:end] - start).astype(np.int64)
    order = first + np.argsort(rank[days])
    bars, before = history.bars, history.bars.close[first - 1 : end - 1]
    close = _splice(
        bars.close, first, end, _chain(bars.close[first:end] / before, order - first, before[0])
    )
    now = close[first - 1 : end - 1]
    changed = {
        name: _splice(values, first, end, (values[first:end] / before)[order - first] * now)
        for name, values in (("open", bars.open), ("high", bars.high), ("low", bars.low))
    }
    volume = _splice(bars.volume, first, end, bars.volume[order])
    return replace(history, bars=Bars(close=close, volume=volume, **changed))


def _chain(ratio: Floats, order: Ints, level: float) -> Floats:
    return level * np.multiply.accumulate(ratio[order])


def _splice(values: Floats, first: int, end: int, inside: Floats) -> Floats:
    """Return a copy of `values` with other ones from `first` to `end`."""
    copied = values.copy()
    copied[first:end] = inside
    return copied
