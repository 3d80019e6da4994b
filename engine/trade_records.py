"""Trades as records, and the book that a loop over bars writes them into."""

from dataclasses import dataclass
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


@dataclass(frozen=True)
class FillSums:
    """What the fills of each of M trades come to: an entry, and one exit or several.

    Parameters
    ----------
    slippage
        What it cost, shape (M,).
    traded
        Their value, shape (M,).
    waited
        How many of entry and exit were of a signal that had waited for volume, shape (M,).
    """

    slippage: Floats
    traded: Floats
    waited: Ints


class TradeBook:
    """Trades in the order in which they end."""

    def __init__(self) -> None:
        self._parts: list[tuple[Ints, Trades, FillSums]] = []

    def write(self, backtest: Ints, fills: FillSums, **fields: Any) -> None:
        """Add trades of some backtests."""
        trades = np.empty(len(backtest), dtype=TRADE)
        for name, values in fields.items():
            trades[name] = values
        trades["return"] = trades["pnl"] / (trades["size"] * trades["entry_price"])
        self._parts.append((backtest, trades, fills))

    def read(self) -> tuple[Ints, Trades, FillSums]:
        """Return the row of each trade, the trades, and their fills, by backtest and time."""
        if not self._parts:
            none = np.empty(0, np.int64)
            return none, np.zeros(0, dtype=TRADE), FillSums(np.empty(0), np.empty(0), none)
        rows, records, fills = zip(*self._parts, strict=True)
        backtest, trades = np.concatenate(rows), np.concatenate(records)
        order = np.argsort(backtest, kind="stable")
        # Zeros, also for the padding between fields: equal trades are equal bytes.
        sorted_ = np.zeros(len(trades), dtype=TRADE)
        for name in TRADE.names or ():
            sorted_[name] = trades[name][order]
        sums = FillSums(
            np.concatenate([one.slippage for one in fills])[order],
            np.concatenate([one.traded for one in fills])[order],
            np.concatenate([one.waited for one in fills])[order],
        )
        return backtest[order], sorted_, sums
