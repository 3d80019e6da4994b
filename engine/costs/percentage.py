"""Costs in proportion to the value: the default, and the one model that needs no loop over bars.

Positions of a whole block are settled at once, because what each makes of one unit of capital does
not depend on the capital. Arrays have one element per position; sides are 1 for long and -1 for
short.
"""

from dataclasses import dataclass, fields
from typing import Self

from engine.costs.model import CostModel, FillMarket
from engine.costs.words import say_percent
from strategies.base import Bools, Floats, Ints

_HIGHEST = 0.99


@dataclass(frozen=True)
class RoundTrips:
    """Positions at the prices of their fills, by backtest and time; all of shape (M,).

    Parameters
    ----------
    side
        1 for long, -1 for short.
    entry, exit
        Prices of the fills; the exit of an open position is the last close.
    closed
        Whether the exit is a fill.
    """

    side: Ints
    entry: Floats
    exit: Floats
    closed: Bools

    def only(self, kept: Bools | Ints) -> "RoundTrips":
        """Return those for which `kept` is true, or whose numbers it holds."""
        return RoundTrips(*(getattr(self, field.name)[kept] for field in fields(self)))


@dataclass(frozen=True)
class Settlement:
    """What round trips were worth; all of shape (M,), in shares and in the currency of prices."""

    size: Floats
    entry_fees: Floats
    exit_fees: Floats
    pnl: Floats


@dataclass(frozen=True)
class PercentageCosts(CostModel):
    """Fees and slippage as fractions of the price: fees = size * price * `fees`.

    A buy fills at market * (1 + `slippage`), a sale at market * (1 - `slippage`).
    Source: vectorbt Portfolio.from_signals with ``size=inf``, its ``fees`` and ``slippage``.

    Parameters
    ----------
    fees
        Fraction of the traded value paid on each side: 0.001 is 0.1 %.
    slippage
        Fraction by which each fill is worse than its price.
    """

    fees: float = 0.001
    slippage: float = 0.001

    def price_fill(self, market: FillMarket, side: Ints, size: Floats) -> Floats:  # noqa: ARG002
        """Return the market's price * (1 + side * slippage)."""
        return self.worsen(market.price, side)

    def bound_price(self, market: FillMarket, side: Ints) -> Floats:
        """Return the price of the fill: it depends on no size."""
        return self.worsen(market.price, side)

    def worsen(self, market: Floats, side: Ints) -> Floats:
        """Return market * (1 + side * slippage)."""
        return market * (1.0 + side * self.slippage)

    def charge_fees(self, size: Floats, price: Floats) -> Floats:
        """Return size * price * fees."""
        return size * price * self.fees

    def size_position(self, capital: Floats, price: Floats) -> Floats:
        """Return capital / (price * (1 + fees))."""
        return capital / (price * (1.0 + self.fees))

    def scaled(self, factor: float) -> Self:
        """Return the model with fees and slippage multiplied, and below 1."""
        return type(self)(min(factor * self.fees, _HIGHEST), min(factor * self.slippage, _HIGHEST))

    def describe(self) -> str:
        """Return fees and slippage in percent."""
        return f"fees {say_percent(self.fees)}, slippage {say_percent(self.slippage)} per fill"

    def settle(self, trips: RoundTrips, capital: Floats) -> Settlement:
        """Return what each round trip gives when all of the capital, shape (M,), is put into it."""
        import numpy as np

        size = self.size_position(capital, trips.entry)
        entry_fees = self.charge_fees(size, trips.entry)
        exit_fees = np.where(trips.closed, self.charge_fees(size, trips.exit), 0.0)
        gain = trips.side * (trips.exit - trips.entry) * size
        return Settlement(size, entry_fees, exit_fees, gain - entry_fees - exit_fees)

    def sum_slippage(self, trips: RoundTrips, size: Floats) -> Floats:
        """Return size * (market at the entry + market at the exit) * slippage."""
        import numpy as np

        # The market's price is the fill's, made better by what made it worse.
        worse = trips.side * self.slippage
        entry = trips.entry / (1.0 + worse)
        exit_ = np.where(trips.closed, trips.exit / (1.0 - worse), 0.0)
        return size * (entry + exit_) * self.slippage

    def compound(self, trips: RoundTrips, first: Ints, initial_capital: float) -> Floats:
        """Return the product of what the round trips before make of one unit of capital.

        Costs are proportional to the capital, so no step waits for the one before it: a product
        along each backtest, in the order of time, whatever stands beside it. 0 once all is lost.

        Parameters
        ----------
        first
            Index of each backtest's first round trip, and the number of all, shape (N + 1,).
        """
        import numpy as np

        growth = self._compute_growth(trips)
        factor = np.empty(len(growth))
        factor[1:] = np.maximum(growth[:-1], 0.0)
        number = np.diff(first)
        factor[first[:-1][number > 0]] = initial_capital
        # One row per backtest, and one call for all of them.
        traded = np.arange(number.max(initial=0)) < number[:, None]
        capital = np.ones(traded.shape)
        capital[traded] = factor
        return np.multiply.accumulate(capital, axis=1)[traded]

    def _compute_growth(self, trips: RoundTrips) -> Floats:
        """Return what a round trip makes of one unit of capital, shape (M,)."""
        import numpy as np

        entry, exit_ = trips.entry, trips.exit
        exit_fees = np.where(trips.closed, self.fees, 0.0)
        # Long: all is spent on the position, and its sale is all there is. Short: the capital
        # stays, and what the position brought and cost comes on top.
        long = exit_ * (1.0 - exit_fees)
        short = entry * (1.0 + self.fees) + entry * (1.0 - self.fees) - exit_ * (1.0 + exit_fees)
        return np.where(trips.side > 0, long, short) / (entry * (1.0 + self.fees))
