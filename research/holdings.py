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
    def of(cls, trades: Trades, account: Ints) -> "Holdings":
        """Return those of trades of dtype `engine.simulation.TRADE`, given the account of each."""
        return cls(
            account,
            trades["entry_idx"].astype(np.int64),
            trades["exit_idx"].astype(np.int64),
            trades["status"] == 0,
            np.where(trades["direction"] == 0, 1, -1),
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
        return cls(account, entry, exit_, is_open, np.where(is_long, 1, -1))
