"""When accounts are in the market: at which closes they hold a position, and on which side."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.simulation import Trades
from strategies.base import Bools, Ints


@dataclass(frozen=True, eq=False)
class Holdings:
    """Positions of some accounts on one symbol, all arrays of shape (M,).

    Parameters
    ----------
    account
        The row of the account.
    entry_bar
        Where it was opened: it is held from this bar's close on.
    exit_bar
        Where it was closed: this bar's close is the first without it. Of an open position it has
        no meaning.
    is_open
        Whether it is still held at the last close.
    side
        1 for long, -1 for short.
    """

    account: Ints
    entry_bar: Ints
    exit_bar: Ints
    is_open: Bools
    side: Ints

    @classmethod
    def of(cls, trades: Trades, first: Ints, rows: Ints) -> "Holdings":
        """Return those of some backtests of a simulation, the first of `rows` as account 0.

        Parameters
        ----------
        trades, first
            As in `engine.simulation.Simulation`.
        """
        counts = first[rows + 1] - first[rows]
        # The trades of one row after the other, each from the row's first to its last.
        places = np.arange(counts.sum()) + np.repeat(first[rows + 1] - counts.cumsum(), counts)
        return cls(
            np.repeat(np.arange(len(rows)), counts),
            trades["entry_idx"][places],
            trades["exit_idx"][places],
            trades["status"][places] == 0,
            np.where(trades["direction"][places] == 0, np.int8(1), np.int8(-1)),
        )

    def sides(self, accounts: int, bars: int) -> NDArray[np.int8]:
        """Return the side of each account at each close, 1, -1 or 0, shape (accounts, bars)."""
        change = np.zeros((accounts, bars + 1), dtype=np.int8)
        np.add.at(change, (self.account, self.entry_bar), self.side)
        left = np.where(self.is_open, bars, self.exit_bar)
        np.subtract.at(change, (self.account, left), self.side)
        return change.cumsum(axis=1, dtype=np.int8)[:, :bars]

    def before(self, bar: int) -> "Holdings":
        """Return the holdings before a bar: what ends on it is open."""
        there = self.entry_bar < bar
        return Holdings(
            self.account[there],
            self.entry_bar[there],
            np.minimum(self.exit_bar, bar - 1)[there],
            (self.is_open | (self.exit_bar >= bar))[there],
            self.side[there],
        )

    @classmethod
    def on_days(
        cls,
        dates: NDArray[np.datetime64],
        account: Ints,
        entered: NDArray[np.datetime64],
        left: NDArray[np.datetime64],
        is_open: Bools,
        is_long: Bools,
    ) -> "Holdings":
        """Return those whose fills are known by their days, each a bar of `dates`."""
        entry, exit_ = dates.searchsorted(entered), dates.searchsorted(left)
        return cls(account, entry, exit_, is_open, np.where(is_long, np.int8(1), np.int8(-1)))
