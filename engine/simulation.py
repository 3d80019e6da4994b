"""What positions cost and earn: sizes, trades and equity curves of a block.

One cost path for every run, that of `engine.costs`; all cash goes into one position. The numbers
are those of vectorbt's `Portfolio.from_signals` with ``size=inf``, which the tests hold to 1e-9.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.costs import PercentageCosts, RoundTrips, Settlement
from engine.orders import Orders
from engine.positions import OPEN, Positions, find_positions
from engine.stops import find_positions_with_stops
from strategies.base import Floats, Ints

TRADE = np.dtype(
    [
        ("entry_idx", np.int32),
        ("exit_idx", np.int32),
        ("direction", np.int8),
        ("status", np.int8),
        ("exit_reason", np.int8),
        ("entry_price", np.float64),
        ("entry_fees", np.float64),
        ("exit_price", np.float64),
        ("exit_fees", np.float64),
        ("size", np.float64),
        ("pnl", np.float64),
        ("return", np.float64),
    ],
    align=True,
)
"""A trade. Fields and codes are those of vectorbt's ``trade_dt`` (direction 0 long, 1 short;
status 0 open, 1 closed); bars count from the window's first; prices are those of the fills,
slippage included, but an open trade's exit is the last close; `exit_reason` indexes
`engine.positions.EXIT_REASONS`."""

Trades = NDArray[Any]


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
    """

    orders: Orders
    trades: Trades
    first: Ints
    equity: Floats

    @property
    def backtest(self) -> Ints:
        """The row of each trade, shape (M,)."""
        return np.repeat(np.arange(len(self.first) - 1), np.diff(self.first))


def simulate(orders: Orders) -> Simulation:
    """Simulate each backtest of a block, with all its cash in one position at a time.

    A short that loses more than the capital ends its backtest: without cash nothing is opened.
    """
    settings, count = orders.settings, len(orders.entries)
    positions = find_positions_with_stops(orders) if settings.has_stops else find_positions(orders)
    costs = settings.cost_model
    assert isinstance(costs, PercentageCosts)  # noqa: S101
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
