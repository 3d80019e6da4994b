"""What positions cost and earn: sizes, trades and the equity curve of a block.

One cost path for every run: each fill is worse than its price by the slippage, and pays the
fees on its value. The formulas are those of vectorbt's `Portfolio.from_signals` with
``size=inf`` (all cash in one position), which the tests hold to 1e-9.
"""

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.orders import Orders
from engine.positions import OPEN, Ints, Positions, positions_of
from engine.settings import BacktestSettings
from engine.stops import positions_with_stops
from strategies.base import Floats

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
slippage included, save that an open trade's exit is the last close; `exit_reason` indexes
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
    """Simulate each backtest of a block alone, with all its cash in one position at a time.

    A short that loses more than the capital ends its backtest: without cash nothing is opened.
    """
    settings, count = orders.settings, len(orders.entries)
    positions = positions_with_stops(orders) if settings.has_stops else positions_of(orders)
    capital = _capital(positions, _growth(positions, settings), count, settings)
    if settings.direction != "long":
        positions, capital = positions.only(capital > 0), capital[capital > 0]
    trades = _trades(positions, capital, settings)
    first = np.searchsorted(positions.backtest, np.arange(count + 1))
    equity = equity_curves(trades, first, orders.close[orders.symbol_of], settings.initial_capital)
    return Simulation(orders, trades, first, equity)


def equity_curves(trades: Trades, first: Ints, close: Floats, initial_capital: float) -> Floats:
    """Return cash and position at each close, shape (N, T).

    Between fills nothing changes but the price, so that a curve is cut into stretches with and
    without a position, of one cash and one size each. A stretch without one is constant to the
    bit, and so are its returns.

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
    # A backtest has one stretch before its trades, and two for each: with it, and after it.
    holding = backtest + 1 + 2 * np.arange(len(trades))
    stretches = count + 2 * len(trades)
    start = np.empty(stretches + 1, dtype=np.int64)
    start[np.arange(count) + 2 * first[:-1]] = np.arange(count) * bars
    start[holding] = backtest * bars + trades["entry_idx"]
    start[holding + 1] = backtest * bars + held_until
    start[-1] = count * bars
    size, cash = np.zeros(stretches), np.full(stretches, initial_capital)
    # A long's cash is spent; a short's is the capital and the proceeds, the fees being paid.
    long = trades["direction"] == 0
    size[holding] = np.where(long, trades["size"], -trades["size"])
    cash[holding] = np.where(long, 0.0, 2.0 * worth)
    cash[holding + 1] = capital + trades["pnl"]
    length = np.diff(start)
    equity = np.repeat(size, length).reshape(close.shape)
    equity *= close
    equity += np.repeat(cash, length).reshape(close.shape)
    return equity


def _growth(positions: Positions, settings: BacktestSettings) -> Floats:
    """Return what a position makes of one unit of capital, shape (M,)."""
    side, fees = positions.side, settings.fees
    entry, exit_ = _fill_prices(positions, settings)
    exit_fees = np.where(positions.reason == OPEN, 0.0, fees)
    # Long: all is spent on the position, and its sale is all there is. Short: the capital stays,
    # and what the position brought and cost comes on top.
    long = exit_ * (1.0 - exit_fees)
    short = entry * (1.0 + fees) + entry * (1.0 - fees) - exit_ * (1.0 + exit_fees)
    return np.where(side > 0, long, short) / (entry * (1.0 + fees))


def _capital(
    positions: Positions, growth: Floats, count: int, settings: BacktestSettings
) -> Floats:
    """Return the capital before each position, shape (M,); 0 once all of it is lost.

    A product along each backtest, in the order of time, whatever stands beside it.
    """
    first = np.searchsorted(positions.backtest, np.arange(count + 1))
    capital = np.empty(len(growth))
    capital[1:] = np.maximum(growth[:-1], 0.0)
    capital[first[:-1][np.diff(first) > 0]] = settings.initial_capital
    for start, stop in itertools.pairwise(first.tolist()):
        np.multiply.accumulate(capital[start:stop], out=capital[start:stop])
    return capital


def _trades(positions: Positions, capital: Floats, settings: BacktestSettings) -> Trades:
    # Zeros, for what lies between the fields: equal trades are equal bytes.
    trades = np.zeros(len(capital), dtype=TRADE)
    entry, exit_ = _fill_prices(positions, settings)
    closed = positions.reason != OPEN
    size = capital / (entry * (1.0 + settings.fees))
    trades["direction"] = positions.side < 0
    trades["status"] = closed
    trades["entry_idx"] = positions.entry_bar
    trades["entry_price"] = entry
    trades["entry_fees"] = size * entry * settings.fees
    trades["exit_idx"] = positions.exit_bar
    trades["exit_price"] = exit_
    trades["exit_fees"] = np.where(closed, size * exit_ * settings.fees, 0.0)
    trades["size"] = size
    gain = positions.side * (exit_ - entry) * size
    trades["pnl"] = gain - trades["entry_fees"] - trades["exit_fees"]
    trades["return"] = trades["pnl"] / (size * entry)
    trades["exit_reason"] = positions.reason
    return trades


def _fill_prices(positions: Positions, settings: BacktestSettings) -> tuple[Floats, Floats]:
    """Return entry and exit prices, slippage included; an open position is marked without it."""
    worse = positions.side * settings.slippage
    entry = positions.entry_price * (1.0 + worse)
    exit_ = positions.exit_price * (1.0 - np.where(positions.reason == OPEN, 0.0, worse))
    return entry, exit_
