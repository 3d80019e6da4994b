"""A strategy that trades another point of a parameter grid in each fold."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.history import TradedHistory
from engine.orders import build_orders, require_spread
from engine.positions import SIDES
from engine.settings import BacktestSettings
from engine.simulation import simulate
from strategies.base import Bars, Floats, Signals, Strategy


@dataclass(frozen=True, eq=False)
class Composite(Strategy):
    """The signals of the points chosen fold by fold; nothing before the first fold.

    Where a point takes over, what it holds by then becomes a signal: the position that it would
    have if it had been traded since the window's first bar. It fills on the first bar of the fold:
    one entry that costs once, or nothing where the point before holds the same. Otherwise every
    signal belongs to the point in whose fold it fills. A point that stays chosen goes on.

    With stops, what a point holds is decided by its own trades; the levels of a position that is
    taken over follow from the fill that takes it over, as they would for who trades it. With
    direction ``both`` no signal means flat: where the new point holds nothing, because it had no
    signal yet or was stopped out, a position is kept until its next signal.

    It is not registered, and has no parameters of its own.

    Parameters
    ----------
    points
        One per fold.
    starts
        Index of the first bar of each fold among the symbol's; ascending, and the number of bars
        where there is none.
    first
        Index of the window's first bar.
    settings
        Those of the simulation.
    half_spread
        Of the symbol's bars, as in `History`. Needed where costs take it and there are stops, whose
        levels follow from the price paid: then the composite is of this symbol alone.
    """

    points: tuple[Strategy, ...]
    starts: tuple[int, ...]
    first: int
    settings: BacktestSettings
    half_spread: Floats | None = None

    def __post_init__(self) -> None:
        """Take the name of the points; there are no parameters to validate."""
        object.__setattr__(self, "name", self.points[0].name)

    def parameters(self) -> dict[str, Any]:
        """Return none."""
        return {}

    @property
    def lookback_bars(self) -> int:
        """The longest of the points."""
        return max(point.lookback_bars for point in self.points)

    def signals(self, bars: Bars) -> Signals:
        """Return the points' signals fold by fold, and what each holds where it takes over."""
        entries = np.zeros(len(bars), dtype=np.bool_)
        exits = np.zeros(len(bars), dtype=np.bool_)
        before, known = None, dict[Strategy, Signals]()
        for point, start, stop in self._find_stretches(len(bars)):
            given = known[point] = known.get(point) or point.signals(bars)
            entries[start:stop] = given.entries[start:stop]
            exits[start:stop] = given.exits[start:stop]
            if point != before:
                side = self._find_side(point, given, bars, start)
                says_entry, says_exit = SIDES[self.settings.direction]
                entries[start], exits[start] = side == says_entry, side == says_exit
            before = point
        return Signals(entries, exits)

    def _find_stretches(self, bars: int) -> Iterator[tuple[Strategy, int, int]]:
        """Yield point, first bar and the one after the last bar of the signals of each fold.

        Folds without a bar of the symbol are left out. With ``next_open`` the signal of a fold's
        first fill is that of the bar before, unless the window begins there.
        """
        delay = self.settings.execution == "next_open"
        bounds = (*self.starts, bars)
        for point, start, stop in zip(self.points, bounds, bounds[1:], strict=False):
            begin, end = max(start - delay, self.first), bars if stop == bars else stop - delay
            if start < stop and begin < end:
                yield point, begin, end

    def _find_side(self, point: Strategy, given: Signals, bars: Bars, at: int) -> int:
        """Return the side that a point is on, or going to, at the close of a bar."""
        turns = np.flatnonzero((given.entries != given.exits)[self.first : at + 1])
        last = self.first + int(turns[-1]) if len(turns) else None
        if last is not None and (not self.settings.has_stops or self._waits(bars, last, at)):
            says_entry, says_exit = SIDES[self.settings.direction]
            return says_entry if given.entries[last] else says_exit
        return self._find_held(point, bars, at) if self.settings.has_stops else 0

    def _waits(self, bars: Bars, signal: int, at: int) -> bool:
        """Return whether a signal has not been filled by the close of a later bar."""
        fills = slice(signal + (self.settings.execution == "next_open"), at + 1)
        if not self.settings.require_volume:
            return fills.start > at
        traded = bars.volume[: at + 1] > 0
        return not (traded | ~np.logical_or.accumulate(traded))[fills].any()

    def _find_held(self, point: Strategy, bars: Bars, at: int) -> int:
        """Return the side of the position that a point holds at the close of a bar."""
        days = np.arange(len(bars)).astype("datetime64[D]")
        spread = None if self.half_spread is None else self.half_spread[: len(bars)]
        history = TradedHistory(point.name, days, bars, self.first, half_spread=spread)
        require_spread(history, self.settings.costs or ())
        orders, _, _ = build_orders([history], [point], self.settings)
        trades = simulate(orders).trades
        entered = trades["entry_idx"] <= at - self.first
        left = (trades["status"] == 1) & (trades["exit_idx"] <= at - self.first)
        held = np.flatnonzero(entered & ~left)
        return (-1 if trades["direction"][held[-1]] else 1) if len(held) else 0
