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

How a position ends depends on its entry alone, not on what was held before. So the ends of all
that signals could open are found at once, and then it is seen which of them were opened: each
the first that a signal opens once the one before it has ended.
"""

from dataclasses import dataclass

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
    Wishes,
    next_turn,
    wishes_of,
)
from strategies.base import Bools, Floats

# Bars looked at together: few at first, as most stops are near the entry, and then more and more.
_FIRST_LOOK, _LONGEST_LOOK = 16, 256

# Positions whose bars are looked at together; a matrix of them stays within 4 MB.
_AT_ONCE = 2_000


def positions_with_stops(orders: Orders) -> Positions:
    """Return the positions that signals open, and that signals or stops close."""
    bars = orders.close.shape[1]
    wishes = wishes_of(orders)
    held = wishes.side != 0
    possible, next_bar = wishes.only(held), next_turn(wishes, bars)[held]
    ends = _ends(orders, possible, next_bar)
    # A stop is hit after the signals that fill at the open of its bar, and before those that
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
    """When, where and why positions end, one element a position."""

    bar: Ints
    price: Floats
    reason: Ints


def _ends(orders: Orders, possible: Wishes, next_bar: Ints) -> _Ends:
    """Return how each possible position ends, were it opened."""
    bars = orders.close.shape[1]
    symbol = orders.symbol_of[possible.backtest]
    signalled = next_bar < bars
    bar = np.minimum(next_bar, bars - 1)
    price = np.where(signalled, orders.fill_price[symbol, bar], orders.close[symbol, -1])
    ends = _Ends(bar, price, np.where(signalled, SIGNAL, OPEN))
    for start in range(0, len(bar), _AT_ONCE):
        some = slice(start, start + _AT_ONCE)
        watch = _Watch(orders, symbol[some], possible.only(some), next_bar[some])
        watch.note_in(ends, start)
    return ends


class _Watch:
    """Possible positions under watch, bar after bar, until a level is reached or a signal comes."""

    def __init__(self, orders: Orders, symbol: Ints, possible: Wishes, next_bar: Ints) -> None:
        settings = orders.settings
        self.prices = tuple(matrix.ravel() for matrix in (orders.open, orders.high, orders.low))
        self.bars = orders.close.shape[1]
        self.trailing = settings.trailing_stop
        at_close = settings.execution == "same_close"
        self.position = np.arange(len(symbol))
        self.row = symbol * self.bars
        # Bars to watch: from the entry's, or the one after it, and up to the signal's.
        self.bar = possible.bar + at_close
        self.until = np.minimum(next_bar + at_close, self.bars)
        # Prices are multiplied by the side from here on: a long's as they are, a short's turned
        # over, so that for both a stop is hit from above and a target from below.
        self.side = possible.side
        market = orders.fill_price[symbol, possible.bar]
        paid = settings.costs.price_fill(market, self.side)
        self.fixed = self.side * paid * (1.0 - self.side * _or_nan(settings.stop_loss))
        self.target = self.side * paid * (1.0 + self.side * _or_nan(settings.take_profit))
        self.best = self.side * paid

    def note_in(self, ends: _Ends, start: int) -> None:
        """Write into `ends`, from `start` on, those that end at a level."""
        look = _FIRST_LOOK
        self._keep(self.bar < self.until)
        while len(self.position):
            hit, price, reason, bar = self._look(look)
            place = start + self.position[hit]
            ends.bar[place], ends.price[place], ends.reason[place] = bar, price, reason
            self.bar = self.bar + look
            self._keep(~hit & (self.bar < self.until))
            look = min(2 * look, _LONGEST_LOOK)

    def _look(self, width: int) -> tuple[Bools, Floats, Ints, Ints]:
        """Return which reach a level within `width` bars, and at what price, why and when."""
        ahead = self.bar[:, None] + np.arange(width)
        at = self.row[:, None] + np.minimum(ahead, self.bars - 1)
        side = self.side[:, None]
        open_, high, low = (side * prices[at] for prices in self.prices)
        worst, best = np.minimum(high, low), np.maximum(high, low)
        stop, why = self._stop(best)
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

    def _stop(self, best: Floats) -> tuple[Floats, Ints]:
        """Return the nearer of the two stops on each bar, and which one it is."""
        fixed = np.broadcast_to(self.fixed[:, None], best.shape)
        if self.trailing is None:
            return fixed, np.full(best.shape, STOP_LOSS)
        before = np.column_stack([self.best, best])
        np.maximum.accumulate(before, axis=1, out=before)
        self.best = before[:, -1]
        trailing = before[:, :-1] * (1.0 - self.side[:, None] * self.trailing)
        trails = ~(trailing <= fixed)
        return np.where(trails, trailing, fixed), np.where(trails, TRAILING_STOP, STOP_LOSS)

    def _keep(self, kept: Bools) -> None:
        for name in ("position", "row", "bar", "until", "side", "fixed", "target", "best"):
            setattr(self, name, getattr(self, name)[kept])


def _or_nan(fraction: float | None) -> float:
    return np.nan if fraction is None else fraction
