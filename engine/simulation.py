"""What positions cost and earn: sizes, trades and equity curves of a block.

One cost path for every run, that of `engine.costs`; all cash goes into one position. Costs in
proportion to the value are settled for all positions at once, others bar by bar
(`engine.bar_loop`). The numbers are those of vectorbt's `Portfolio.from_signals` with
``size=inf``, which the tests hold to 1e-9 wherever it can express the costs.
"""

from dataclasses import dataclass

import numpy as np

from engine.bar_loop import run_bar_loop
from engine.costs import PercentageCosts, RoundTrips, Settlement
from engine.orders import Orders
from engine.positions import OPEN, Positions, find_positions
from engine.stops import find_positions_with_stops
from engine.trade_records import TRADE, FillSums, Trades
from strategies.base import Bools, Floats, Ints


@dataclass(frozen=True)
class Ledger:
    """What trades do not tell of N backtests whose costs need a loop over bars.

    Parameters
    ----------
    fills
        Of each trade.
    interest, borrow_fees
        Sums of each backtest, shape (N,).
    unfilled_orders
        As in `engine.block_accounts.BlockAccounts.unfilled`, shape (N,).
    shares_before_last, leaving_before_last
        What each backtest held at the close before the last bar, negative when short, and whether
        it was being left by then, shape (N,).
    risk_free
        Return of cash on each symbol's bars, shape (H, T); None where cash earns nothing.
    """

    fills: FillSums
    interest: Floats
    borrow_fees: Floats
    unfilled_orders: Ints
    shares_before_last: Floats
    leaving_before_last: Bools
    risk_free: Floats | None


@dataclass(frozen=True)
class Simulation:
    """A simulated block of N backtests over T bars.

    Parameters
    ----------
    orders
        What was simulated.
    trades
        Of dtype `TRADE`, shape (M,), by backtest and time.
    first
        Index of each backtest's first trade, and the number of all, shape (N + 1,).
    equity
        Cash and position at each close, shape (N, T).
    ledger
        None with percentages, where trades tell everything.
    """

    orders: Orders
    trades: Trades
    first: Ints
    equity: Floats
    ledger: Ledger | None = None

    @property
    def backtest(self) -> Ints:
        """The row of each trade, shape (M,)."""
        return np.repeat(np.arange(len(self.first) - 1), np.diff(self.first))


def simulate(orders: Orders) -> Simulation:
    """Simulate each backtest of a block, with all its cash in one position at a time.

    A short that loses more than the capital ends its backtest: without cash nothing is opened.
    """
    settings, count = orders.settings, len(orders.entries)
    costs = settings.cost_model
    if not isinstance(costs, PercentageCosts):
        return _simulate_bar_by_bar(orders)
    positions = find_positions_with_stops(orders) if settings.has_stops else find_positions(orders)
    trips = _build_round_trips(positions, costs)
    first = np.searchsorted(positions.backtest, np.arange(count + 1))
    capital = costs.compound(trips, first, settings.initial_capital)
    funded = capital > 0
    if not funded.all():
        positions, trips, capital = positions.only(funded), trips.only(funded), capital[funded]
        first = np.searchsorted(positions.backtest, np.arange(count + 1))
    trades = _build_trades(positions, trips, costs.settle(trips, capital))
    equity = compute_equity(trades, first, orders.close[orders.symbol_of], settings.initial_capital)
    return Simulation(orders, trades, first, equity)


def _simulate_bar_by_bar(orders: Orders) -> Simulation:
    accounts, equity = run_bar_loop(orders)
    backtest, trades, fills = accounts.book.read()
    first = np.searchsorted(backtest, np.arange(len(orders.entries) + 1))
    ledger = Ledger(
        fills,
        accounts.interest,
        accounts.borrow_fees,
        accounts.unfilled,
        accounts.shares_before_last,
        accounts.leaving_before_last,
        accounts.find_risk_free(),
    )
    return Simulation(orders, trades, first, equity, ledger)


def compute_equity(trades: Trades, first: Ints, close: Floats, initial_capital: float) -> Floats:
    """Return cash and position at each close, shape (N, T).

    Between fills only the price changes. A curve is cut into stretches with and without a
    position, each with one cash and one size. A stretch without a position is constant to the
    bit, and its returns are exactly 0.

    Parameters
    ----------
    trades, first
        As in `Simulation`.
    close
        The close of each backtest's symbol, shape (N, T).
    """
    count, bars = close.shape
    backtest = np.repeat(np.arange(count), np.diff(first))
    worth = trades["size"] * trades["entry_price"]
    capital = worth + trades["entry_fees"]
    held_until = np.where(trades["status"] == 1, trades["exit_idx"], bars)
    # A backtest has one stretch before its trades, and two per trade: during it and after it.
    holding = backtest + 1 + 2 * np.arange(len(trades))
    stretches = count + 2 * len(trades)
    start = np.empty(stretches + 1, dtype=np.int64)
    start[np.arange(count) + 2 * first[:-1]] = np.arange(count) * bars
    start[holding] = backtest * bars + trades["entry_idx"]
    start[holding + 1] = backtest * bars + held_until
    start[-1] = count * bars
    size, cash = np.zeros(stretches), np.full(stretches, initial_capital)
    # A long's cash is spent; a short's is the capital and the proceeds, less the fees.
    long = trades["direction"] == 0
    size[holding] = np.where(long, trades["size"], -trades["size"])
    cash[holding] = np.where(long, 0.0, 2.0 * worth)
    cash[holding + 1] = capital + trades["pnl"]
    length = np.diff(start)
    equity = np.repeat(size, length).reshape(close.shape)
    equity *= close
    equity += np.repeat(cash, length).reshape(close.shape)
    return equity


def _build_round_trips(positions: Positions, costs: PercentageCosts) -> RoundTrips:
    """Return positions at the prices of their fills; an open one is marked at the last close."""
    side, closed = positions.side, positions.reason != OPEN
    entry = costs.worsen(positions.entry_price, side)
    exit_ = costs.worsen(positions.exit_price, -side)
    return RoundTrips(side, entry, np.where(closed, exit_, positions.exit_price), closed)


def _build_trades(positions: Positions, trips: RoundTrips, settled: Settlement) -> Trades:
    # Zeros, also for the padding between fields: equal trades are equal bytes.
    trades = np.zeros(len(settled.size), dtype=TRADE)
    trades["direction"] = trips.side < 0
    trades["status"] = trips.closed
    trades["exit_reason"] = positions.reason
    trades["entry_idx"] = positions.entry_bar
    trades["entry_price"] = trips.entry
    trades["exit_idx"] = positions.exit_bar
    trades["exit_price"] = trips.exit
    for name in ("size", "entry_fees", "exit_fees", "pnl"):
        trades[name] = getattr(settled, name)
    trades["return"] = settled.pnl / (settled.size * trips.entry)
    return trades
