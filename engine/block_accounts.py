"""Accounts of a block's backtests: cash, one position each, and the orders that move them."""

from typing import TYPE_CHECKING

import numpy as np

from engine.costs import DAYS_PER_YEAR, accrue
from engine.orders import Orders
from engine.positions import OPEN, SIGNAL
from engine.trade_records import FillSums, TradeBook
from strategies.base import Bools, Floats, Ints

if TYPE_CHECKING:
    from engine.fill_bars import FillBars


class BlockAccounts:
    """Accounts with one position at a time; arrays have one element per backtest, shape (N,).

    Attributes
    ----------
    cash, shares
        Shares are negative when short.
    leaving
        Why a position is being left whose rest still has to be traded (`EXIT_REASONS`); else 0.
    was_leaving
        Whether it was being left when the bar began.
    entry_price, best
        Of the position: the price of its fill, and the best price since, for stops.
    interest, borrow_fees
        Booked so far.
    unfilled
        Orders that were not filled on their bar, or not in full: beyond the cap on volume, smaller
        than a lot, or an entry while the position before it was still being left.
    shares_before_last, leaving_before_last
        Shares at the close before the last bar, and whether they were being left by then.
    book
        The trades.
    """

    def __init__(self, orders: Orders) -> None:
        if orders.bars is None:
            raise ValueError("orders without bars can't be filled bar by bar.")
        count, settings = len(orders.entries), orders.settings
        self.costs, self.bars = settings.cost_model, orders.bars
        self.symbol_of, self.close = orders.symbol_of, orders.close
        self.has_waited = orders.waited
        self.last = orders.close.shape[1] - 1
        self.cash = np.full(count, settings.initial_capital)
        for name in (
            "shares", "entry_price", "entry_fees", "size", "best", "slippage", "sold",
            "proceeds", "exit_fees", "interest", "borrow_fees", "filled",
        ):  # fmt: skip
            setattr(self, name, np.zeros(count))
        for name in ("entry_bar", "leaving", "unfilled", "waited"):
            setattr(self, name, np.zeros(count, dtype=np.int64))
        self.book = TradeBook()
        self.rates = self.costs.find_cash_rates(orders.bars.dates)
        self.accrues = bool(self.costs.borrow_rate or self.rates.any())
        self.days = np.diff(orders.bars.dates, axis=1).astype(np.float64)

    cash: Floats
    shares: Floats
    entry_price: Floats
    entry_fees: Floats
    entry_bar: Ints
    size: Floats
    best: Floats
    slippage: Floats
    sold: Floats
    proceeds: Floats
    exit_fees: Floats
    interest: Floats
    borrow_fees: Floats
    filled: Floats
    leaving: Ints
    unfilled: Ints
    waited: Ints
    was_leaving: Bools
    shares_before_last: Floats
    leaving_before_last: Bools
    bars: "FillBars"

    def begin_bar(self, bar: int) -> None:
        """Book interest and borrow fees since the close before; nothing is filled of the bar."""
        self.filled[:] = 0.0
        self.was_leaving = self.leaving > 0
        if bar == self.last:
            self.shares_before_last = self.shares.copy()
            self.leaving_before_last = self.was_leaving
        if not self.accrues or bar == 0:
            return
        symbol, before = self.symbol_of, bar - 1
        short_value = np.maximum(-self.shares, 0.0) * self.close[symbol, before]
        rate, days = self.rates[symbol, before], self.days[symbol, before]
        interest, fees = accrue(self.cash, short_value, rate, self.costs.borrow_rate, days)
        self.cash += interest - fees
        self.interest += interest
        self.borrow_fees += fees

    def enter(self, rows: Ints, bar: int, price: Floats, side: Ints) -> None:
        """Put all cash of some accounts without a position into one; without cash, nothing.

        `price` is the market's.
        """
        funded = self.cash[rows] > 0
        rows, price, side = rows[funded], price[funded], side[funded]
        costs, market = self.costs, self.bars.at(self.symbol_of[rows], bar, price)
        paid_for = costs.size_position(self.cash[rows], costs.bound_price(market, side))
        wanted = costs.round_size(paid_for)
        most = np.maximum(costs.limit_size(market) - self.filled[rows], 0.0)
        size = np.minimum(wanted, costs.round_size(most))
        self.unfilled[rows] += (size < wanted) | (size <= 0)
        opened = size > 0
        rows, size, side, market = rows[opened], size[opened], side[opened], market.only(opened)
        paid = costs.price_fill(market, side, size)
        fees = costs.charge_fees(size, paid)
        self.cash[rows] -= side * size * paid + fees
        self.shares[rows] = side * size
        self.filled[rows] += size
        self.size[rows], self.entry_bar[rows] = size, bar
        self.entry_price[rows] = self.best[rows] = paid
        self.entry_fees[rows] = fees
        self.slippage[rows] = size * np.abs(paid - market.price)
        self.waited[rows] = self.has_waited[rows, bar]
        self.sold[rows] = self.proceeds[rows] = self.exit_fees[rows] = 0.0

    def leave(self, rows: Ints, bar: int, price: Floats, reason: Ints | int | None = None) -> None:
        """Leave positions at the market's price, as far as the volume allows.

        `reason` is that of a new exit, a signal if it is None; a rest keeps its own.
        """
        costs, market = self.costs, self.bars.at(self.symbol_of[rows], bar, price)
        first = self.leaving[rows] == 0
        why = np.where(first, SIGNAL if reason is None else reason, self.leaving[rows])
        side, left = -np.sign(self.shares[rows]).astype(np.int64), np.abs(self.shares[rows])
        most = np.maximum(costs.limit_size(market) - self.filled[rows], 0.0)
        size = np.where(most >= left, left, costs.round_size(np.minimum(most, left)))
        got = costs.price_fill(market, side, size)
        fees = costs.charge_fees(size, got)
        self.cash[rows] -= side * size * got + fees
        self.waited[rows] += first & (why == SIGNAL) & self.has_waited[rows, bar]
        self.filled[rows] += size
        self.sold[rows] += size
        self.proceeds[rows] += size * got
        self.exit_fees[rows] += fees
        self.slippage[rows] += size * np.abs(got - price)
        done = size == left
        self.shares[rows] = np.where(done, 0.0, self.shares[rows] + side * size)
        self.leaving[rows] = np.where(done, 0, why)
        self.unfilled[rows] += ~done
        self._write(rows[done], why[done], bar, -side[done], self.proceeds[rows[done]])

    def find_risk_free(self) -> Floats | None:
        """Return what cash earns from each bar's close before to it, shape (H, T); None for 0."""
        if not self.rates.any():
            return None
        earned = np.zeros(self.rates.shape)
        earned[:, 1:] = self.rates[:, :-1] * self.days / DAYS_PER_YEAR
        return earned

    def close_book(self, close: Floats) -> None:
        """Write the trades that are open at the end, marked at the last close of each backtest."""
        rows = np.flatnonzero(self.shares)
        value = np.abs(self.shares[rows]) * close[rows]
        side = np.sign(self.shares[rows]).astype(np.int64)
        reason = np.full(len(rows), OPEN)
        self._write(rows, reason, self.last, side, self.proceeds[rows] + value)

    def _write(self, rows: Ints, reason: Ints, bar: int, side: Ints, proceeds: Floats) -> None:
        """Write trades into the book; `proceeds` are what all of their exits were worth."""
        if not len(rows):
            return
        size, entry = self.size[rows], self.entry_price[rows]
        fees = self.entry_fees[rows] + self.exit_fees[rows]
        traded = size * entry + self.proceeds[rows]
        self.book.write(
            rows,
            FillSums(self.slippage[rows], traded, self.waited[rows]),
            entry_idx=self.entry_bar[rows],
            exit_idx=bar,
            direction=side < 0,
            status=reason != OPEN,
            exit_reason=reason,
            entry_price=entry,
            entry_fees=self.entry_fees[rows],
            exit_price=proceeds / size,
            exit_fees=self.exit_fees[rows],
            size=size,
            pnl=side * (proceeds - size * entry) - fees,
        )
