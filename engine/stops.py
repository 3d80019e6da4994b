"""Stop-loss, trailing stop and take-profit, filled against each bar's open, high and low.

The rules follow from what a daily bar says:

- A bar's open comes first. A position whose level the open has passed is filled at the open, gap
  included.
- Whether high or low comes next is unknown. A level between low and high is filled at the level;
  if a stop and the target are both within the bar, the stop is filled.
- The trailing level of a bar follows from the highs (short: lows) of the bars before it, like a
  resting order that is moved once per bar. The first of them is the entry's fill price.
- Signals that fill at the open are older than any level of that bar: they are filled first. A
  position entered at the open can be stopped out on the same bar. Signals that fill at the close
  are filled last.
- A bar without volume fills nothing and moves no level (`require_volume`): a level that was passed
  meanwhile is filled at the next bar with volume, at its open.
- Levels are measured from the entry's fill price, slippage included. Every exit is a market order
  with the usual slippage.

How a position ends depends on its entry alone, not on earlier positions. So the ends of all
positions that signals could open are found at once. Those that were opened are found after that:
each is the first that a signal opens once the previous one has ended.
"""

from dataclasses import dataclass

import numpy as np

from engine.costs import FillMarket
from engine.orders import Orders
from engine.positions import (
    OPEN,
    SIGNAL,
    STOP_LOSS,
    TAKE_PROFIT,
    TRAILING_STOP,
    Positions,
    TargetSides,
    find_next_turn,
    find_target_sides,
)
from strategies.base import Bools, Floats, Ints

# Bars examined at once: few at first, as most stops are near the entry, then twice as many.
_FIRST_WIDTH, _LARGEST_WIDTH = 16, 256

# Positions examined at once; their matrix stays within 4 MB.
_AT_ONCE = 2_000


def find_positions_with_stops(orders: Orders) -> Positions:
    """Return the positions that signals open, and that signals or stops close."""
    bars = orders.close.shape[1]
    targets = find_target_sides(orders)
    held = targets.side != 0
    possible, next_bar = targets.only(held), find_next_turn(targets, bars)[held]
    ends = _find_ends(orders, possible, next_bar)
    # A stop is filled after the signals that fill at the open of its bar, and before those that
    # fill at its close.
    later = (ends.reason != SIGNAL) & (orders.settings.execution == "next_open")
    free_at = np.where(ends.reason == OPEN, bars, ends.bar + later)
    row = possible.backtest * bars
    following = np.searchsorted(row + possible.bar, row + free_at).tolist()
    opened, this = [], 0
    while this < len(following):
        opened.append(this)
        this = following[this]
    symbol = orders.symbol_of[possible.backtest]
    return Positions(
        backtest=possible.backtest,
        side=possible.side,
        entry_bar=possible.bar,
        entry_price=orders.fill_price[symbol, possible.bar],
        exit_bar=ends.bar,
        exit_price=ends.price,
        reason=ends.reason,
    ).only(np.array(opened, dtype=np.int64))


@dataclass(frozen=True)
class _Ends:
    """When, at what price and why positions end; all of shape (S,)."""

    bar: Ints
    price: Floats
    reason: Ints


def _find_ends(orders: Orders, possible: TargetSides, next_bar: Ints) -> _Ends:
    """Return how each position that a signal could open would end."""
    bars = orders.close.shape[1]
    symbol = orders.symbol_of[possible.backtest]
    signalled = next_bar < bars
    bar = np.minimum(next_bar, bars - 1)
    price = np.where(signalled, orders.fill_price[symbol, bar], orders.close[symbol, -1])
    ends = _Ends(bar, price, np.where(signalled, SIGNAL, OPEN))
    for start in range(0, len(bar), _AT_ONCE):
        some = slice(start, start + _AT_ONCE)
        monitor = _Monitor(orders, symbol[some], possible.only(some), next_bar[some])
        monitor.write_to(ends, start)
    return ends


class _Monitor:
    """Follows possible positions bar by bar until a level is reached or a signal comes."""

    def __init__(self, orders: Orders, symbol: Ints, possible: TargetSides, next_bar: Ints) -> None:
        settings = orders.settings
        self.prices = tuple(matrix.ravel() for matrix in (orders.open, orders.high, orders.low))
        self.bars = orders.close.shape[1]
        self.trailing = settings.trailing_stop
        at_close = settings.execution == "same_close"
        self.position = np.arange(len(symbol))
        self.row = symbol * self.bars
        # Bars to follow: from the entry's, or the one after it, to the signal's.
        self.bar = possible.bar + at_close
        self.until = np.minimum(next_bar + at_close, self.bars)
        # Prices are multiplied by the side from here on: a short's change sign, so that for both
        # sides a stop is reached from above and a target from below.
        self.side = possible.side
        market = orders.fill_price[symbol, possible.bar]
        paid = settings.cost_model.bound_price(FillMarket.of_price(market), self.side)
        self.fixed = self.side * paid * (1.0 - self.side * _replace_none(settings.stop_loss))
        self.target = self.side * paid * (1.0 + self.side * _replace_none(settings.take_profit))
        self.best = self.side * paid

    def write_to(self, ends: _Ends, start: int) -> None:
        """Write to `ends`, from `start` on, the positions that end at a level."""
        width = _FIRST_WIDTH
        self._keep(self.bar < self.until)
        while len(self.position):
            hit, price, reason, bar = self._find_hits(width)
            place = start + self.position[hit]
            ends.bar[place], ends.price[place], ends.reason[place] = bar, price, reason
            self.bar = self.bar + width
            self._keep(~hit & (self.bar < self.until))
            width = min(2 * width, _LARGEST_WIDTH)

    def _find_hits(self, width: int) -> tuple[Bools, Floats, Ints, Ints]:
        """Return which positions reach a level within `width` bars, at what price, why and when."""
        ahead = self.bar[:, None] + np.arange(width)
        at = self.row[:, None] + np.minimum(ahead, self.bars - 1)
        side = self.side[:, None]
        open_, high, low = (side * prices[at] for prices in self.prices)
        worst, best = np.minimum(high, low), np.maximum(high, low)
        stop, why = self._find_stops(best)
        target = self.target[:, None]
        # A level that is not set is NaN, and no comparison with it is true.
        reached = (worst <= stop) | (open_ <= stop) | (best >= target) | (open_ >= target)
        reached &= ahead < self.until[:, None]
        hit: Bools = np.logical_or.reduce(reached, axis=1)
        (rows,) = np.nonzero(hit)
        first = reached[hit].argmax(axis=1)
        there = (rows, first)
        stop, why = stop[there], why[there]
        open_, worst, target = open_[there], worst[there], self.target[rows]
        at_open = (open_ <= stop) | (open_ >= target)
        stopped = (open_ <= stop) | ((worst <= stop) & ~(open_ >= target))
        price: Floats = np.where(at_open, open_, np.where(stopped, stop, target))
        reason: Ints = np.where(stopped, why, TAKE_PROFIT)
        return hit, price * self.side[rows], reason, self.bar[rows] + first

    def _find_stops(self, best: Floats) -> tuple[Floats, Ints]:
        """Return the nearer of the two stops on each bar, and which of them it is."""
        fixed = np.broadcast_to(self.fixed[:, None], best.shape)
        if self.trailing is None:
            return fixed, np.full(best.shape, STOP_LOSS)
        before = np.column_stack([self.best, best])
        # Not `maximum`: bars without volume are NaN, and move no level.
        np.fmax.accumulate(before, axis=1, out=before)
        self.best = before[:, -1]
        trailing = before[:, :-1] * (1.0 - self.side[:, None] * self.trailing)
        trails = ~(trailing <= fixed)
        return np.where(trails, trailing, fixed), np.where(trails, TRAILING_STOP, STOP_LOSS)

    def _keep(self, kept: Bools) -> None:
        for name in ("position", "row", "bar", "until", "side", "fixed", "target", "best"):
            setattr(self, name, getattr(self, name)[kept])


def _replace_none(fraction: float | None) -> float:
    return np.nan if fraction is None else fraction
