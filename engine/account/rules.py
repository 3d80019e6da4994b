"""What an account is given besides its market: its sizes, its priorities and its limits."""

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from strategies.base import Bools, Floats, Ints

Targets = NDArray[np.int8] | NDArray[np.float64]
"""The side that is wanted of each symbol at each close, from -1 to 1, shape (T, S); fractions are
of the weight that the symbol would have."""


class Weigher(Protocol):
    """How much of the equity goes into each position.

    Attributes
    ----------
    joint
        Whether the weight of one depends on what else is held. Then the whole account is weighed
        at once, otherwise each position by itself.
    unit
        The weight of a target of 1 where it is the same always, else None.
    """

    @property
    def joint(self) -> bool:
        """See the attribute."""
        ...

    @property
    def unit(self) -> float | None:
        """See the attribute."""
        ...

    def weigh(self, bar: int, symbols: Ints, targets: Floats) -> Floats:
        """Return signed weights, fractions of the equity at the close of `bar`; shape (n,).

        Parameters
        ----------
        symbols, targets
            Which symbols, and the sides wanted of them, shape (n,).
        """
        ...


class Ranker(Protocol):
    """Who comes first where there is not enough cash, or no place."""

    def __call__(self, bar: int, symbols: Ints) -> Floats:
        """Return the ranks of symbols at the close of `bar`, shape (n,) or (K, n); 0 is first.

        Equal ones are in the order of the symbols. NaN comes last.
        """
        ...


@dataclass(frozen=True, eq=False)
class ExposureLimits:
    """The most that may be held, as fractions of the equity, when a position is increased.

    Prices move weights beyond a limit afterwards; the next increase is cut.

    Parameters
    ----------
    weight
        Of one position.
    gross
        Of all positions, longs and shorts added.
    net_low, net_high
        Of longs less shorts.
    sector_weight
        Of the positions of one sector, longs and shorts added.
    sectors
        Number of each symbol's sector, shape (S,); None without a limit of sectors.
    """

    weight: float = 1.0
    gross: float = 1.0
    net_low: float = -1.0
    net_high: float = 1.0
    sector_weight: float = 1.0
    sectors: Ints | None = None


@dataclass(frozen=True, eq=False)
class AccountRules:
    """How an account turns targets into orders.

    Parameters
    ----------
    capital
        Cash before the first fill.
    weigher, rank
        Sizes and priorities.
    slots
        The most positions at once.
    rebalance
        At which closes all positions are sized again, and what was missed is tried again, shape
        (T,).
    on_signal
        Whether signals open positions; otherwise only rebalances do. Signals close them always.
    band
        A position whose weight is off by less, as a fraction of the equity, is not resized.
    minimum_fill
        An entry of which less than this share can be paid is missed.
    limits
        Of exposure.
    """

    capital: float
    weigher: Weigher
    rank: Ranker
    slots: int
    rebalance: Bools = field(repr=False)
    on_signal: bool = True
    band: float = 0.0
    minimum_fill: float = 0.0
    limits: ExposureLimits = field(default_factory=ExposureLimits)


@dataclass(frozen=True)
class EqualSlots:
    """1 / `slots` of the equity per position, whatever else is held."""

    slots: int
    joint: bool = False

    @property
    def unit(self) -> float:
        """The weight of each."""
        return 1.0 / self.slots

    def weigh(self, bar: int, symbols: Ints, targets: Floats) -> Floats:  # noqa: ARG002
        """Return targets * unit."""
        return targets * self.unit


def rank_by_place(bar: int, symbols: Ints) -> Floats:  # noqa: ARG001
    """Rank symbols by their place in the universe."""
    return symbols.astype(np.float64)
