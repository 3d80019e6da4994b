"""The equal-weight universe: what holding every symbol would have earned."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from engine.errors import UnusableBarsError
from engine.history import LONGEST_CLOSURE, History, TradedHistory
from engine.settings import Window
from strategies.base import Floats, Ints


@dataclass(frozen=True)
class EqualWeight:
    """A universe held with equal weights, rebalanced daily, without costs.

    Its return on a day is the mean of close / previous close - 1 over the symbols that are held.
    A symbol without a bar on that day, because its exchange is closed, stands still: its return is
    0, and the whole move is in its next bar. It is held from its first bar in the window to its
    last. Bars that begin with the window, which is so if there are earlier ones or the first is
    within a week of its start, are held from the start; bars that reach its end (see
    `History.last_session`) until the end.

    Parameters
    ----------
    dates
        ``datetime64[D]``, ascending, every day on which a symbol has a bar, shape (D,).
    level
        Value of one unit at each day's close, shape (D,).
    symbols
        Number of symbols in it.
    """

    dates: NDArray[np.datetime64] = field(repr=False)
    level: Floats = field(repr=False)
    symbols: int

    @classmethod
    def of(cls, histories: Iterable[History], window: Window) -> "EqualWeight":
        """Return the universe of `histories` in the window; they are read one after the other.

        Symbols that cannot be tested (no bar in the window, unusable prices) are left out. Sums
        follow the order given: the same order gives the same bits.

        Raises
        ------
        UnusableBarsError
            When no symbol remains.
        """
        start, days = window.days[0], count_days(window)
        total, change = np.zeros(days), np.zeros(days + 1, dtype=np.int64)
        seen, symbols = np.zeros(days, dtype=np.bool_), 0
        for history in histories:
            try:
                cut = history.cut_to(window)
                cut.check()
            except UnusableBarsError:
                continue
            day, held_from, held_until = find_held_days(cut, window)
            close = cut.bars.close[cut.first :]
            seen[day] = True
            total[day[1:]] += close[1:] / close[:-1] - 1.0
            change[held_from] += 1
            change[held_until] -= 1
            symbols += 1
        if not symbols:
            raise UnusableBarsError(
                "No symbol of the universe has usable bars "
                f"between {window.start} and {window.end}."
            )
        held = change.cumsum()[:-1]
        mean = total[seen] / np.maximum(held[seen], 1)
        dates = start + np.flatnonzero(seen).astype("timedelta64[D]")
        return cls(dates, (1.0 + mean).cumprod(), symbols)

    def returns_on(self, dates: NDArray[np.datetime64]) -> Floats:
        """Return its return on each of `dates` since the one before; the first is 0.

        On a day without any bar the universe has the level of the day before.
        """
        at = np.searchsorted(self.dates, dates, side="right") - 1
        level = np.where(at < 0, 1.0, self.level[np.maximum(at, 0)])
        returns = np.zeros(len(dates))
        returns[1:] = level[1:] / level[:-1] - 1.0
        return returns

    @cached_property
    def version(self) -> str:
        """A fingerprint of its days and levels."""
        days = self.dates.astype(np.int64)
        return sha256(days.tobytes() + self.level.tobytes()).hexdigest()[:12]


def count_days(window: Window) -> int:
    """Return the number of calendar days of a window."""
    return (window.end - window.start).days + 1


def find_held_days(history: TradedHistory, window: Window) -> tuple[Ints, int, int]:
    """Return the days of a symbol's bars, and the first day of being held and the one after it.

    Days count from the window's start, those of the bars have shape (n,). See `EqualWeight` for
    when a symbol is held.
    """
    day = (history.dates[history.first :] - window.days[0]).astype(np.int64)
    from_start = history.first > 0 or day[0] <= LONGEST_CLOSURE.days
    until = int(day[-1]) + 1 if history.ends_before(window) else count_days(window)
    return day, 0 if from_start else int(day[0]) + 1, until
