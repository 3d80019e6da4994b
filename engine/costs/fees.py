"""Fees of a fill: of its value, per share, and per order."""

from dataclasses import dataclass
from typing import ClassVar, Self

from engine.costs.part import CostPart, number
from engine.costs.words import say_amount, say_percent
from strategies.base import Floats

_HIGHEST = 0.99


@dataclass(frozen=True)
class Percentage(CostPart):
    """A fee of the value: size * price * `rate`.

    Source: vectorbt Portfolio.from_signals, its ``fees``.

    Parameters
    ----------
    rate
        Fraction of the value of each fill: 0.001 is 0.1 %.
    """

    model: ClassVar[str] = "percentage"

    rate: float = number(below=1.0)

    def charge(self, size: Floats, price: Floats) -> Floats:
        """Return size * price * rate."""
        return size * price * self.rate

    def scaled(self, factor: float) -> Self:
        """Return it with the rate multiplied, and below 1."""
        return type(self)(min(factor * self.rate, _HIGHEST))

    def describe(self) -> str:
        """Return the rate."""
        return f"fees {say_percent(self.rate)} of the value"


@dataclass(frozen=True)
class PerShare(CostPart):
    """A fee per share: min(max(size * `rate`, `minimum`), `maximum` * size * price).

    Where the maximum of an order is below the minimum, it is the maximum that is charged. Shares
    are those of adjusted prices.
    Source: Interactive Brokers, "Commissions: stocks, fixed": 0.005 per share, at least 1 per
    order and at most 1 % of its value.

    Parameters
    ----------
    rate
        Per share, in the currency of the prices.
    minimum
        Per order, in the currency of the prices.
    maximum
        Per order, as a fraction of its value; None for none.
    """

    model: ClassVar[str] = "per_share"

    rate: float = number()
    minimum: float = number(0.0)
    maximum: float | None = number(None, above=0.0, below=1.0)

    def charge(self, size: Floats, price: Floats) -> Floats:
        """Return the fee of fills; 0 for a size of 0."""
        import numpy as np

        fee = np.where(size > 0, np.maximum(size * self.rate, self.minimum), 0.0)
        return fee if self.maximum is None else np.minimum(fee, self.maximum * size * price)

    def scaled(self, factor: float) -> Self:
        """Return it with all of its numbers multiplied: the fee of each order is, too."""
        maximum = None if self.maximum is None else min(factor * self.maximum, _HIGHEST)
        return type(self)(factor * self.rate, factor * self.minimum, maximum)

    def describe(self) -> str:
        """Return the rate and the limits of an order."""
        limits = [f"at least {say_amount(self.minimum)}"] if self.minimum else []
        if self.maximum is not None:
            limits.append(f"at most {say_percent(self.maximum)} of the value")
        per_order = f" ({', '.join(limits)} per order)" if limits else ""
        return f"fees {say_amount(self.rate)} per share{per_order}"


@dataclass(frozen=True)
class PerOrder(CostPart):
    """The same fee for each order, whatever its size. An exit on several bars is several orders.

    Source: vectorbt Portfolio.from_signals, its ``fixed_fees``.

    Parameters
    ----------
    amount
        In the currency of the prices.
    """

    model: ClassVar[str] = "per_order"

    amount: float = number()

    def charge(self, size: Floats, price: Floats) -> Floats:  # noqa: ARG002 - as of other fees
        """Return the amount; 0 for a size of 0."""
        import numpy as np

        return np.where(size > 0, self.amount, 0.0)

    def scaled(self, factor: float) -> Self:
        """Return it with the amount multiplied."""
        return type(self)(factor * self.amount)

    def describe(self) -> str:
        """Return the amount."""
        return f"fees {say_amount(self.amount)} per order"
