"""What limits of exposure leave room for, while the increases of one bar are filled."""

import numpy as np

from engine.account.market import AccountMarket
from engine.account.rules import ExposureLimits
from strategies.base import Floats


class Book:
    """What an account holds at an open, at its prices.

    Limits are of the equity before the increases: their costs do not move a limit that an earlier
    order of the same bar has used up.
    """

    def __init__(self, limits: ExposureLimits, value: Floats, equity: float) -> None:
        self._limits, self._equity = limits, equity
        self._value = np.abs(value)
        self._gross, self._net = float(self._value.sum()), float(value.sum())

    @classmethod
    def open(
        cls, limits: ExposureLimits, market: AccountMarket, bar: int, shares: Floats, cash: float
    ) -> "Book":
        """Return the book of an account before the increases of a bar."""
        value = shares * market.mark(bar)
        return cls(limits, value, cash + float(value.sum()))

    def find_room(self, symbol: int, side: int, cash: float) -> float:
        """Return how much money an order may take, with its costs."""
        limits, equity = self._limits, self._equity
        room = [
            limits.gross * equity - self._gross,
            limits.weight * equity - self._value.item(symbol),
        ]
        if side > 0:
            room += [cash, limits.net_high * equity - self._net]
        else:
            room.append(self._net - limits.net_low * equity)
        if limits.sectors is not None:
            held = float(self._value[limits.sectors == limits.sectors[symbol]].sum())
            room.append(limits.sector_weight * equity - held)
        return min(room)

    def take(self, symbol: int, side: int, worth: float) -> None:
        """Add what was filled, by its value without costs."""
        self._gross += worth
        self._net += side * worth
        self._value[symbol] += worth


def is_cash_the_limit(limits: ExposureLimits) -> bool:
    """Return whether nothing but its cash limits an account that is only long."""
    tight = min(limits.weight, limits.gross, limits.net_high) < 1.0
    return not tight and limits.sectors is None
