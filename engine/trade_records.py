"""Trades as records, and the book that a loop over bars writes them into."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

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
`engine.positions.EXIT_REASONS`. What was left on several bars has the last of them, and the mean
price by size."""

Trades = NDArray[Any]


class TradeBook:
    """Trades in the order in which they end."""

    def __init__(self) -> None:
        self._parts: list[tuple[Ints, Trades, Floats]] = []

    def write(self, backtest: Ints, slippage: Floats, **fields: Any) -> None:
        """Add trades of some backtests, with what slippage cost them."""
        trades = np.empty(len(backtest), dtype=TRADE)
        for name, values in fields.items():
            trades[name] = values
        trades["return"] = trades["pnl"] / (trades["size"] * trades["entry_price"])
        self._parts.append((backtest, trades, slippage))

    def read(self) -> tuple[Ints, Trades, Floats]:
        """Return the row of each trade, the trades, and slippage, by backtest and time."""
        if not self._parts:
            return np.empty(0, np.int64), np.zeros(0, dtype=TRADE), np.empty(0)
        backtest, trades, slippage = map(np.concatenate, zip(*self._parts, strict=True))
        order = np.argsort(backtest, kind="stable")
        # Zeros, also for the padding between fields: equal trades are equal bytes.
        sorted_ = np.zeros(len(trades), dtype=TRADE)
        for name in TRADE.names or ():
            sorted_[name] = trades[name][order]
        return backtest[order], sorted_, slippage[order]
