"""Accounts bar by bar, for costs that depend on size, volume or time.

Where costs are in proportion to the value, `engine.simulation` settles all positions at once.
Everything else goes through this loop, a block's backtests side by side: on each bar

1. interest and borrow fees of the days since the last close are booked;
2. with ``next_open``, what was left of an exit is traded at the open, then the signals of the bar;
3. stops and targets are filled against the bar's range (`engine.stops` has the rules);
4. with ``same_close``, the same as 2 at the close;
5. cash and position are marked at the close.

All cash goes into one position, as many whole lots of it as the cash pays for. What the bar's
volume does not fill of an entry is cancelled. What it does not fill of an exit is left on the bars
that follow, each up to the cap; meanwhile entries are dropped.
"""

import numpy as np

from engine.block_accounts import BlockAccounts
from engine.level_orders import LevelOrders
from engine.orders import Orders
from engine.positions import SIDES
from strategies.base import Bools, Floats, Ints


def run_bar_loop(orders: Orders) -> tuple[BlockAccounts, Floats]:
    """Return the accounts of a block's backtests at the end, and the equity, shape (N, T)."""
    loop = _BarLoop(orders)
    for bar in range(orders.close.shape[1]):
        loop.run_bar(bar)
    loop.accounts.close_book(orders.close[orders.symbol_of, -1])
    return loop.accounts, loop.find_equity()


class _BarLoop:
    """Goes through the bars of a block."""

    def __init__(self, orders: Orders) -> None:
        self.orders, self.price = orders, orders.fill_price
        self.accounts = BlockAccounts(orders)
        self.levels = LevelOrders(orders.settings) if orders.settings.has_stops else None
        self.at_open = orders.settings.execution == "next_open"
        # Where nothing can be filled for lack of volume, all prices but the close are missing.
        self.tradable: Bools = ~np.isnan(orders.open)
        entry, exit_ = SIDES[orders.settings.direction]
        bar, self.row = np.nonzero((orders.entries | orders.exits).T)
        self.target = np.where(orders.entries[self.row, bar], entry, exit_)
        count, bars = orders.entries.shape
        self.first = np.searchsorted(bar, np.arange(bars + 1)).tolist()
        # By bar: a column of the equity at a time would be spread over the memory.
        self.cash, self.shares = np.empty((bars, count)), np.empty((bars, count))

    def run_bar(self, bar: int) -> None:
        """Book and fill one bar."""
        self.accounts.begin_bar(bar)
        if self.at_open:
            self._fill_signals(bar)
        if self.levels:
            self._fill_levels(bar, self.levels)
        if not self.at_open:
            self._fill_signals(bar)
        self.cash[bar], self.shares[bar] = self.accounts.cash, self.accounts.shares

    def find_equity(self) -> Floats:
        """Return cash and position at each close, shape (N, T)."""
        close = self.orders.close[self.orders.symbol_of]
        return self.cash.T + self.shares.T * close

    def _fill_signals(self, bar: int) -> None:
        """Trade what was left of exits, then what the signals of the bar ask for."""
        accounts = self.accounts
        if accounts.was_leaving.any():
            # What a stop of this bar left has taken all that the cap allows.
            rest = np.flatnonzero(accounts.was_leaving & self._find_tradable(bar))
            self._leave(rest, bar)
        signals = slice(self.first[bar], self.first[bar + 1])
        rows, target = self.row[signals], self.target[signals]
        if not len(rows):
            return
        held, staying = np.sign(accounts.shares[rows]), accounts.leaving[rows] == 0
        self._leave(rows[(held != 0) & (held != target) & staying], bar)
        rows, target = rows[target != 0], target[target != 0]
        accounts.unfilled[rows] += accounts.leaving[rows] > 0
        free = accounts.shares[rows] == 0
        rows, target = rows[free], target[free]
        if len(rows):
            accounts.enter(rows, bar, self._find_price(rows, bar), target)

    def _leave(self, rows: Ints, bar: int) -> None:
        if len(rows):
            self.accounts.leave(rows, bar, self._find_price(rows, bar))

    def _fill_levels(self, bar: int, levels: LevelOrders) -> None:
        """Leave the positions whose stop or target is reached within the bar."""
        accounts, orders = self.accounts, self.orders
        watched = (accounts.shares != 0) & (accounts.leaving == 0) & self._find_tradable(bar)
        rows = np.flatnonzero(watched)
        if not len(rows):
            return
        symbol = orders.symbol_of[rows]
        prices = (orders.open[symbol, bar], orders.high[symbol, bar], orders.low[symbol, bar])
        hit, price, reason = levels.find_hits(accounts, rows, *prices)
        if hit.any():
            accounts.leave(rows[hit], bar, price[hit], reason[hit])

    def _find_price(self, rows: Ints, bar: int) -> Floats:
        """Return the market's price at the fills of signals."""
        return self.price[self.orders.symbol_of[rows], bar]

    def _find_tradable(self, bar: int) -> Bools:
        return self.tradable[self.orders.symbol_of, bar]
