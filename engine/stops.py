"""Stop-loss, trailing stop and take-profit, filled against each bar's open, high and low.

What a daily bar can and cannot tell decides the rules:

- A bar's open comes first. A position that is still held then and whose level the open has
  passed is filled at the open: a gap costs what it costs.
- What comes next, high or low, is unknown. A level between low and high is filled at the level;
  where a stop and the target are both within the bar, the stop is.
- The trailing level of a bar is set by the highs (short: lows) of the bars before it, as a
  resting order that is moved once a bar. The entry's fill price is the first of them.
- Signals that fill at the open are older than any level of that bar: they go first. A position
  entered at the open can be stopped out on that same bar. Signals that fill at the close go last.
- Levels are measured from the entry's fill price, slippage included. Every exit is a market
  order with the slippage of any other.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.orders import Orders
from engine.positions import (
    OPEN,
    SIGNAL,
    STOP_LOSS,
    TAKE_PROFIT,
    TRAILING_STOP,
    Ints,
    Positions,
    sides,
)
from engine.settings import BacktestSettings
from strategies.base import Bools, Floats


def positions_with_stops(orders: Orders) -> Positions:
    """Return the positions that signals open, and that signals or stops close.

    Walks through the bars once, all backtests abreast.
    """
    book = _Book(len(orders.entries), orders.settings)
    symbol, price = orders.symbol_of, orders.fill_price
    open_, high, low = (np.ascontiguousarray(p.T) for p in (orders.open, orders.high, orders.low))
    entries, exits, price = (
        np.ascontiguousarray(matrix.T) for matrix in (orders.entries, orders.exits, price)
    )
    at_open = orders.settings.execution == "next_open"
    for bar in range(len(entries)):
        if at_open:
            book.follow(bar, entries[bar], exits[bar], price[bar][symbol])
        if book.side.any():
            book.check_levels(bar, open_[bar][symbol], high[bar][symbol], low[bar][symbol])
        if not at_open:
            book.follow(bar, entries[bar], exits[bar], price[bar][symbol])
    everything = np.ones(len(book.side), dtype=np.bool_)
    book.leave(len(entries) - 1, everything, orders.close[symbol, -1], np.full(len(symbol), OPEN))
    return book.positions()


@dataclass
class _Book:
    """What each backtest holds, and the positions that have ended so far."""

    count: int
    settings: BacktestSettings

    def __post_init__(self) -> None:
        self.side: Ints = np.zeros(self.count, dtype=np.int64)
        self.entry_bar: Ints = np.zeros(self.count, dtype=np.int64)
        self.entry_price: Floats = np.full(self.count, np.nan)
        self.paid: Floats = np.full(self.count, np.nan)
        self.best: Floats = np.full(self.count, np.nan)
        self.ended: list[tuple[Any, ...]] = []

    def follow(self, bar: int, entries: Bools, exits: Bools, price: Floats) -> None:
        """Turn to the side that this bar's signals want, at `price`."""
        if not (entries.any() or exits.any()):
            return
        buy, sell = sides(self.settings.direction)
        wanted = np.where(entries, buy, np.where(exits, sell, self.side))
        turned = wanted != self.side
        self.leave(bar, turned, price, np.full(self.count, SIGNAL))
        entered = turned & (wanted != 0)
        self.side[entered] = wanted[entered]
        self.entry_bar[entered] = bar
        self.entry_price[entered] = price[entered]
        self.paid[entered] = (price * (1.0 + wanted * self.settings.slippage))[entered]
        self.best[entered] = self.paid[entered]

    def check_levels(self, bar: int, open_: Floats, high: Floats, low: Floats) -> None:
        """Leave the positions whose level the bar has reached, then move the trailing levels."""
        side = self.side
        stop, why = self._stop()
        target = self._target()
        worst, best = np.where(side > 0, low, high), np.where(side > 0, high, low)
        # A level that is not set is NaN, and no comparison with it is true; where nothing is
        # held the side is 0, which the comparisons below would take for a hit.
        held = side != 0
        gap_stop, gap_target = side * open_ <= side * stop, side * open_ >= side * target
        stopped = held & (gap_stop | (~gap_target & (side * worst <= side * stop)))
        reached = held & ~stopped & (gap_target | (side * best >= side * target))
        price = np.where(gap_stop | gap_target, open_, np.where(stopped, stop, target))
        reason = np.where(stopped, why, TAKE_PROFIT)
        self.best = np.where(side > 0, np.maximum(self.best, high), np.minimum(self.best, low))
        self.leave(bar, stopped | reached, price, reason)

    def _stop(self) -> tuple[Floats, Ints]:
        """Return the nearer of the two stops of each backtest, and which one it is."""
        fixed = self.paid * (1.0 - self.side * _or_nan(self.settings.stop_loss))
        trailing = self.best * (1.0 - self.side * _or_nan(self.settings.trailing_stop))
        trails = np.isnan(fixed) | (self.side * trailing > self.side * fixed)
        level = np.where(trails, trailing, fixed)
        return level, np.where(trails, TRAILING_STOP, STOP_LOSS)

    def _target(self) -> Floats:
        return self.paid * (1.0 + self.side * _or_nan(self.settings.take_profit))

    def leave(self, bar: int, leaving: Bools, price: Floats, reason: Ints) -> None:
        """End the positions of the backtests that are `leaving` and hold one."""
        (gone,) = np.nonzero(leaving & (self.side != 0))
        if not len(gone):
            return
        self.ended.append(
            (
                gone,
                self.side[gone],
                self.entry_bar[gone],
                self.entry_price[gone],
                np.full(len(gone), bar),
                price[gone],
                reason[gone],
            )
        )
        self.side[gone] = 0

    def positions(self) -> Positions:
        """Return the ended positions, by backtest and time."""
        if not self.ended:
            whole, real = np.zeros(0, dtype=np.int64), np.zeros(0)
            return Positions(whole, whole, whole, real, whole, real, whole)
        columns = [np.concatenate(column) for column in zip(*self.ended, strict=True)]
        # They were noted in the order of their exits, and no two of one backtest overlap.
        order = np.argsort(columns[0], kind="stable")
        return Positions(*(column[order] for column in columns))


def _or_nan(fraction: float | None) -> float:
    return np.nan if fraction is None else fraction
