"""What became of an account: its fills, cash and equity, and whether they add up."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.account.market import AccountMarket
from engine.errors import UnbalancedAccountError
from strategies.base import Floats, Ints

FILL = np.dtype(
    [
        ("bar", np.int32),
        ("symbol", np.int32),
        ("size", np.float64),
        ("price", np.float64),
        ("market_price", np.float64),
        ("fees", np.float64),
        ("reason", np.int8),
    ]
)
"""A fill: bar and symbol by their places, size in shares (negative for a sale), price with and
without slippage, and `REASONS` by code."""

REASONS = ("entry", "exit", "resize", "delisted")
"""Why an order was filled; ``delisted``: at the last close of a symbol that ended."""

ENTRY, EXIT, RESIZE, DELISTED = range(len(REASONS))

_BALANCED = 1e-9
_AT_ONCE = 1_000_000
_ROUNDING = 1e-12


@dataclass(frozen=True)
class OrderCounts:
    """What became of the orders of an account, besides being filled.

    Parameters
    ----------
    missed
        Entries for which there was no place or no cash.
    cut
        Entries and increases that cash or a limit made smaller.
    capped
        Orders of which the volume of the day did not fill all.
    waited
        Fills that waited for a day with trade.
    liquidated
        Positions in symbols that ended.
    """

    missed: int
    cut: int
    capped: int
    waited: int
    liquidated: int


@dataclass(frozen=True, eq=False)
class AccountOutcome:
    """An account after its last bar.

    Parameters
    ----------
    fills
        Of dtype `FILL`, by bar, and on each bar in the order in which they were made, shape (M,).
    cash, equity
        At each close, shape (T,).
    accrued
        Interest less borrow fees, added to the cash before the fills of each bar, shape (T,).
    """

    market: AccountMarket
    capital: float
    fills: NDArray[Any]
    cash: Floats
    equity: Floats
    accrued: Floats
    counts: OrderCounts

    @property
    def dates(self) -> NDArray[np.datetime64]:
        """The days of the window, shape (D,)."""
        return self.market.dates[self.market.first :]

    @property
    def curve(self) -> Floats:
        """Equity at each close of the window, shape (D,)."""
        return self.equity[self.market.first :]

    @property
    def returns(self) -> Floats:
        """Return of each bar of the window on the close before, the first on the capital, (D,)."""
        return self.curve / np.append(self.capital, self.curve[:-1]) - 1.0

    def held(self) -> "HeldPositions":
        """Return what is held at each close."""
        return HeldPositions.of(self)

    def check(self, name: str) -> None:
        """Refuse an account that does not add up, from its fills alone.

        Raises
        ------
        UnbalancedAccountError
            When cash or equity is not, on each bar and to 1e-9 of the equity, what the fills
            make of the capital.
        """
        fills, bars = self.fills, len(self.cash)
        spent = np.bincount(
            fills["bar"], fills["size"] * fills["price"] + fills["fees"], minlength=bars
        )
        cash = self.capital + np.cumsum(self.accrued - spent)
        equity = cash + self.held().sum_values()
        scale = _BALANCED * np.maximum(np.abs(self.equity), self.capital)
        for what, found, expected in (
            ("cash", self.cash, cash),
            ("equity", self.equity, equity),
        ):
            wrong = ~(np.abs(found - expected) <= scale)
            if wrong.any():
                bar = int(wrong.argmax())
                raise UnbalancedAccountError(
                    f"The account {name} does not balance on {self.market.dates[bar]}: its {what} "
                    f"is {found[bar]:.6f}, and its fills make it {expected[bar]:.6f}."
                )


@dataclass(frozen=True, eq=False)
class HeldPositions:
    """What an account holds: one row per symbol and stretch of bars with one size, shape (R,).

    Parameters
    ----------
    symbol
        Its place.
    start, stop
        First bar at whose close it is held, and the one after the last.
    shares
        Negative for shorts.
    """

    market: AccountMarket
    symbol: Ints
    start: Ints
    stop: Ints
    shares: Floats

    @classmethod
    def of(cls, outcome: AccountOutcome) -> "HeldPositions":
        """Return the positions that the fills of an account make."""
        fills, bars = outcome.fills, len(outcome.cash)
        order = np.lexsort((fills["bar"], fills["symbol"]))
        symbol, bar = fills["symbol"][order].astype(np.int64), fills["bar"][order].astype(np.int64)
        total = _sum_by_symbol(symbol, fills["size"][order])
        same = symbol[1:] == symbol[:-1]
        stop = np.full(len(bar), bars)
        stop[:-1][same] = bar[1:][same]
        kept = (stop > bar) & (total != 0)
        return cls(outcome.market, symbol[kept], bar[kept], stop[kept], total[kept])

    def sum_values(self, *, absolute: bool = False) -> Floats:
        """Return the value of all positions at each close, of longs less shorts, shape (T,)."""
        total = np.zeros(len(self.market.dates))
        for bar, symbol, shares in self._stretch():
            value = shares * self.market.close[bar, symbol]
            total += np.bincount(bar, np.abs(value) if absolute else value, minlength=len(total))
        return total

    def count(self) -> Ints:
        """Return the number of positions at each close, shape (T,)."""
        change = np.zeros(len(self.market.dates) + 1, dtype=np.int64)
        np.add.at(change, self.start, 1)
        np.subtract.at(change, self.stop, 1)
        return change.cumsum()[:-1]

    def list_values(self) -> tuple[Ints, Ints, Floats]:
        """Return bar, symbol and value of each position at each close, by symbol and bar."""
        parts = [
            (bar, symbol, shares * self.market.close[bar, symbol])
            for bar, symbol, shares in self._stretch()
        ]
        if not parts:
            nothing = np.empty(0, dtype=np.int64)
            return nothing, nothing, np.empty(0)
        bar, symbol, value = (np.concatenate(one) for one in zip(*parts, strict=True))
        return bar, symbol, value

    def _stretch(self) -> Iterator[tuple[Ints, Ints, Floats]]:
        """Yield bar, symbol and shares of each position at each close, so many at a time."""
        length = self.stop - self.start
        # Rows of about a million closes together: memory does not grow with the account.
        part = length.cumsum() // _AT_ONCE
        for one in np.unique(part):
            rows = np.flatnonzero(part == one)
            n = length[rows]
            bar = np.arange(n.sum()) + np.repeat(self.start[rows] - (n.cumsum() - n), n)
            yield bar, np.repeat(self.symbol[rows], n), np.repeat(self.shares[rows], n)


def _sum_by_symbol(symbol: NDArray[np.integer], size: Floats) -> Floats:
    """Return what is held of each symbol after each fill, of fills by symbol; closed is 0."""
    total = np.empty(len(size))
    edges = np.flatnonzero(symbol[1:] != symbol[:-1]) + 1
    places = [0, *edges.tolist(), len(symbol)] if len(symbol) else []
    for start, stop in pairwise(places):
        held = np.cumsum(size[start:stop])
        # What is left of shares bought and sold in parts is the rounding of their sum.
        held[np.abs(held) < _ROUNDING * np.abs(size[start:stop]).max()] = 0.0
        total[start:stop] = held
    return total
