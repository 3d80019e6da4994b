"""What a cost model decides: prices of fills, fees, the most that fills, lots, and yearly rates."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Self

from strategies.base import Bools, Floats, Ints

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DAYS_PER_YEAR = 365.0
"""Rates per year accrue by calendar days: a weekend counts three days."""


@dataclass(frozen=True)
class FillMarket:
    """What the market offered at some fills; all of shape (M,).

    Parameters
    ----------
    price
        Before costs.
    volume
        Shares traded on the fill's bar; NaN where unknown.
    volatility
        Standard deviation of the returns from close to close of the bars before the fill's; NaN
        where unknown.
    half_spread
        Fraction of the price, of a column of the data; NaN where there is none.
    """

    price: Floats
    volume: Floats
    volatility: Floats
    half_spread: Floats

    @classmethod
    def of_price(cls, price: Floats, half_spread: Floats | None = None) -> Self:
        """Return a market of which nothing is known but the price, and perhaps the half-spread."""
        import numpy as np

        unknown = np.broadcast_to(np.nan, np.shape(price))
        return cls(price, unknown, unknown, unknown if half_spread is None else half_spread)

    def only(self, kept: Bools | Ints) -> Self:
        """Return the fills for which `kept` is true, or whose numbers it holds."""
        return type(self)(*(getattr(self, field.name)[kept] for field in fields(self)))


class CostModel(ABC):
    """How the market's prices become those of fills, and what is charged and paid.

    Arrays have one element per fill, shape (M,). Sides are 1 for a buy and -1 for a sale; sizes are
    in shares and not negative; money is in the currency of the prices.
    """

    @abstractmethod
    def price_fill(self, market: FillMarket, side: Ints, size: Floats) -> Floats:
        """Return the price at which an order of this size fills."""

    @abstractmethod
    def bound_price(self, market: FillMarket, side: Ints) -> Floats:
        """Return the highest price at which an order may fill, whatever its size.

        It depends on no volume: this is the price that sizes are decided with.
        """

    @abstractmethod
    def charge_fees(self, size: Floats, price: Floats) -> Floats:
        """Return the fees of a fill; 0 for a size of 0."""

    @abstractmethod
    def size_position(self, capital: Floats, price: Floats) -> Floats:
        """Return the most shares whose value and fees the capital pays for, before any rounding.

        0 where it does not even pay for the fees.
        """

    def limit_size(self, market: FillMarket) -> Floats:
        """Return the most shares that fill on a bar; infinite without a cap."""
        import numpy as np

        return np.full(np.shape(market.price), np.inf)

    def round_size(self, size: Floats) -> Floats:
        """Return what can be traded of a size: whole lots, towards 0."""
        return size

    @property
    def borrow_rate(self) -> float:
        """Fee per year on the value of shorts at each close."""
        return 0.0

    def find_cash_rates(self, dates: "NDArray[np.datetime64]") -> Floats:
        """Return the interest per year on cash that is in force on each day, shape of `dates`."""
        import numpy as np

        return np.zeros(np.shape(dates))

    @abstractmethod
    def scaled(self, factor: float) -> "CostModel":
        """Return the model with what it charges multiplied; interest, caps and lots stay."""

    @abstractmethod
    def describe(self) -> str:
        """Return the costs in words, as they stand beside a leaderboard."""


def accrue(
    cash: Floats, short_value: Floats, cash_rate: Floats, borrow_rate: float, days: Floats
) -> tuple[Floats, Floats]:
    """Return the interest and the borrow fees of some days, both 0 or positive.

    Interest is on the cash that does not secure shorts: cash less their value, 0 where that is
    negative. Fees are on the value of the shorts. Neither compounds within the days.

    Parameters
    ----------
    cash, short_value
        At the close before the days; the value of shorts is positive.
    cash_rate
        Per year, in force at that close.
    days
        Calendar days until the next bar.
    """
    import numpy as np

    years = days / DAYS_PER_YEAR
    free = np.maximum(cash - short_value, 0.0)
    return free * cash_rate * years, short_value * borrow_rate * years
