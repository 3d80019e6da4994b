"""When positions are opened and closed: signals, one beside the other, become round trips."""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from engine.orders import Orders
from engine.settings import Direction
from strategies.base import Bools, Floats

Ints = NDArray[np.int64]

EXIT_REASONS = ("open", "signal", "stop_loss", "trailing_stop", "take_profit")
"""Why a position ended, by its code; ``open`` did not: it is marked at the last close."""

OPEN, SIGNAL, STOP_LOSS, TRAILING_STOP, TAKE_PROFIT = range(len(EXIT_REASONS))


@dataclass(frozen=True)
class Positions:
    """The positions of a block, in the order of backtests and, within one, of time.

    All of shape (M,), one element a position. `backtest` is its row, `side` 1 for long and -1
    for short; prices are those of the market, before slippage. An open position ends on the
    last bar, at its close.
    """

    backtest: Ints
    side: Ints
    entry_bar: Ints
    entry_price: Floats
    exit_bar: Ints
    exit_price: Floats
    reason: Ints

    def only(self, kept: Bools | Ints) -> "Positions":
        """Return the positions for which `kept` is true, or whose numbers it holds."""
        return Positions(*(getattr(self, field.name)[kept] for field in fields(self)))


def sides(direction: Direction) -> tuple[int, int]:
    """Return the side that an entry signal wants, and that an exit signal wants; 0 is flat."""
    return {"long": (1, 0), "short": (0, -1), "both": (1, -1)}[direction]


@dataclass(frozen=True)
class Wishes:
    """Signals as the side that each of them wants, by backtest and time; all of shape (S,).

    Parameters
    ----------
    backtest, bar
        Where the signal fills.
    side
        1, -1 or 0 for flat.
    turns
        Whether the side is another than that of the backtest's signal before.
    """

    backtest: Ints
    bar: Ints
    side: Ints
    turns: Bools

    def only(self, kept: Bools | slice) -> "Wishes":
        """Return the signals for which `kept` is true, or those of a slice."""
        return Wishes(*(getattr(self, field.name)[kept] for field in fields(self)))


def wishes_of(orders: Orders) -> Wishes:
    """Return every signal of a block."""
    count, bars = orders.entries.shape
    buy, sell = sides(orders.settings.direction)
    at = np.flatnonzero(orders.entries | orders.exits)
    first = np.searchsorted(at, np.arange(count + 1) * bars)
    number = np.diff(first)
    side = np.where(orders.entries.ravel()[at], buy, sell)
    turns = np.ones(len(at), dtype=np.bool_)
    turns[1:] = side[1:] != side[:-1]
    turns[first[:-1][number > 0]] = True
    bar = at - np.repeat(np.arange(count) * bars, number)
    return Wishes(np.repeat(np.arange(count), number), bar, side, turns)


def next_turn(wishes: Wishes, bars: int) -> Ints:
    """Return the bar of each backtest's next signal that wants another side, `bars` if none."""
    begins = np.append(np.flatnonzero(wishes.turns), len(wishes.turns))
    following = begins[np.cumsum(wishes.turns)]
    bar, backtest = np.append(wishes.bar, bars), np.append(wishes.backtest, -1)
    return np.where(backtest[following] == wishes.backtest, bar[following], bars)


def positions_of(orders: Orders) -> Positions:
    """Return the positions that signals alone open and close.

    After each signal a backtest stands on the side that the signal wants, so a position begins
    with the first of several signals in a row that want the same side. No loop is needed.
    """
    bars = orders.close.shape[1]
    wishes = wishes_of(orders)
    wishes = wishes.only(wishes.turns)
    exit_bar = next_turn(wishes, bars)
    held = wishes.side != 0
    wishes, exit_bar = wishes.only(held), exit_bar[held]
    symbol, price = orders.symbol_of[wishes.backtest], orders.fill_price
    closed = exit_bar < bars
    exit_bar = np.minimum(exit_bar, bars - 1)
    return Positions(
        backtest=wishes.backtest,
        side=wishes.side,
        entry_bar=wishes.bar,
        entry_price=price[symbol, wishes.bar],
        exit_bar=exit_bar,
        exit_price=np.where(closed, price[symbol, exit_bar], orders.close[symbol, -1]),
        reason=np.where(closed, SIGNAL, OPEN),
    )
