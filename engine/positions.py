"""When positions are opened and closed: signals, one beside the other, become round trips."""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from engine.orders import Orders
from engine.settings import Direction
from strategies.base import Floats

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

    def only(self, kept: NDArray[np.bool_]) -> "Positions":
        """Return the positions for which `kept` is true."""
        return Positions(*(getattr(self, field.name)[kept] for field in fields(self)))


def sides(direction: Direction) -> tuple[int, int]:
    """Return the side that an entry signal wants, and that an exit signal wants; 0 is flat."""
    return {"long": (1, 0), "short": (0, -1), "both": (1, -1)}[direction]


def positions_of(orders: Orders) -> Positions:
    """Return the positions that signals alone open and close.

    After each signal a backtest stands on the side that the signal wants, so a position begins
    wherever two signals that follow one another want different sides. No loop is needed.
    """
    bars = orders.close.shape[1]
    buy, sell = sides(orders.settings.direction)
    at = np.flatnonzero(orders.entries | orders.exits)
    backtest = at // bars
    side = np.where(orders.entries.ravel()[at], buy, sell)
    before = np.zeros_like(side)
    before[1:] = np.where(backtest[1:] == backtest[:-1], side[:-1], 0)
    turned = side != before
    at, backtest, side = at[turned], backtest[turned], side[turned]
    has_next = np.zeros(len(at), dtype=np.bool_)
    has_next[:-1] = backtest[1:] == backtest[:-1]
    bar = at - backtest * bars
    exit_bar = np.full(len(at), bars - 1)
    exit_bar[:-1] = np.where(has_next[:-1], bar[1:], bars - 1)
    symbol = orders.symbol_of[backtest]
    price = orders.fill_price
    last = orders.close[symbol, -1]
    positions = Positions(
        backtest=backtest,
        side=side,
        entry_bar=bar,
        entry_price=price[symbol, bar],
        exit_bar=exit_bar,
        exit_price=np.where(has_next, price[symbol, exit_bar], last),
        reason=np.where(has_next, SIGNAL, OPEN),
    )
    return positions.only(side != 0)
