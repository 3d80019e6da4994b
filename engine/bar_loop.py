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
from strategies.base import Bools, Floats


def run_bar_loop(orders: Orders) -> tuple[BlockAccounts, Floats]:
    """Return the accounts of a block's backtests at the end, and the equity, shape (N, T)."""
    loop = _BarLoop(orders)
    for bar in range(orders.close.shape[1]):
        loop.run_bar(bar)
    loop.accounts.close_book(orders.close[orders.symbol_of, -1])
    return loop.accounts, loop.equity


class _BarLoop:
    """Goes through the bars of a block."""

    def __init__(self, orders: Orders) -> None:
        self.orders = orders
        self.accounts = BlockAccounts(orders)
        self.levels = LevelOrders(orders.settings) if orders.settings.has_stops else None
        self.at_open = orders.settings.execution == "next_open"
        self.says_entry, self.says_exit = SIDES[orders.settings.direction]
        self.signalled = np.logical_or.reduce(orders.entries | orders.exits, axis=0).tolist()
        # Where nothing can be filled for lack of volume, all prices but the close are missing.
        self.tradable: Bools = ~np.isnan(orders.open)
        self.equity = np.empty(orders.entries.shape)

    def run_bar(self, bar: int) -> None:
        """Book, fill and mark one bar."""
        accounts = self.accounts
        accounts.begin_bar(bar)
        if self.at_open:
            self._fill_signals(bar)
        if self.levels:
            self._fill_levels(bar)
        if not self.at_open:
            self._fill_signals(bar)
        close = self.orders.close[self.orders.symbol_of, bar]
        self.equity[:, bar] = accounts.cash + accounts.shares * close

    def _fill_signals(self, bar: int) -> None:
        """Trade what was left of exits, then what the signals of the bar ask for."""
        accounts = self.accounts
        price = self.orders.fill_price[self.orders.symbol_of, bar]
        if accounts.leaving.any():
            self._trade_rest(bar, price)
        if not self.signalled[bar]:
            return
        enters, exits = self.orders.entries[:, bar], self.orders.exits[:, bar]
        target = np.where(enters, self.says_entry, self.says_exit)
        held, staying = np.sign(accounts.shares), accounts.leaving == 0
        turned = np.flatnonzero((enters | exits) & (held != 0) & (held != target) & staying)
        if len(turned):
            accounts.leave(turned, bar, price[turned])
        wanted = (enters | exits) & (target != 0)
        free = accounts.shares == 0
        accounts.unfilled += wanted & ~free & (accounts.leaving > 0)
        rows = np.flatnonzero(wanted & free)
        if len(rows):
            accounts.enter(rows, bar, price[rows], target[rows])

    def _trade_rest(self, bar: int, price: Floats) -> None:
        rows = np.flatnonzero((self.accounts.leaving > 0) & self._find_tradable(bar))
        if len(rows):
            self.accounts.leave(rows, bar, price[rows])

    def _fill_levels(self, bar: int) -> None:
        """Leave the positions whose stop or target is reached within the bar."""
        accounts, levels = self.accounts, self.levels
        watched = (accounts.shares != 0) & (accounts.leaving == 0) & self._find_tradable(bar)
        rows = np.flatnonzero(watched)
        if not len(rows) or levels is None:
            return
        orders, symbol = self.orders, self.orders.symbol_of[rows]
        prices = (orders.open[symbol, bar], orders.high[symbol, bar], orders.low[symbol, bar])
        hit, price, reason = levels.find_hits(accounts, rows, *prices)
        if hit.any():
            accounts.leave(rows[hit], bar, price[hit], reason[hit])

    def _find_tradable(self, bar: int) -> Bools:
        return self.tradable[self.orders.symbol_of, bar]
