"""What trading costs: the one place that knows, for fills, sizes, compounding and metrics alike.

To add a cost model, add a subclass of `CostModel` here, a frozen dataclass. Prices and sizes are
arrays of one element per position; sides are 1 for long and -1 for short.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields

from strategies.base import Bools, Floats, Ints


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


class CostModel(ABC):
    """How the market's prices become those of fills, and what each fill is charged."""

    @abstractmethod
    def price_fill(self, market: Floats, side: Ints) -> Floats:
        """Return the price at which an order fills; `side` is 1 for a buy, -1 for a sale."""

    @abstractmethod
    def charge_fees(self, size: Floats, price: Floats) -> Floats:
        """Return the fees of a fill, in the currency of the prices."""

    @abstractmethod
    def size_position(self, capital: Floats, entry: Floats) -> Floats:
        """Return the shares that all of the capital pays for, with the fees of buying them."""

    @abstractmethod
    def sum_slippage(self, trips: RoundTrips, size: Floats) -> Floats:
        """Return size * |price of the fill - price of the market|, entry and exit together."""

    def settle(self, trips: RoundTrips, capital: Floats) -> Settlement:
        """Return what each round trip gives when all of the capital, shape (M,), is put into it."""
        import numpy as np

        size = self.size_position(capital, trips.entry)
        entry_fees = self.charge_fees(size, trips.entry)
        exit_fees = np.where(trips.closed, self.charge_fees(size, trips.exit), 0.0)
        gain = trips.side * (trips.exit - trips.entry) * size
        return Settlement(size, entry_fees, exit_fees, gain - entry_fees - exit_fees)

    def compound(self, trips: RoundTrips, first: Ints, initial_capital: float) -> Floats:
        """Return the capital before each round trip, shape (M,); 0 once all of it is lost.

        What a round trip earns may depend on its capital, so this settles the first one of every
        backtest, then the second ones: as many steps as the longest backtest has round trips.

        Parameters
        ----------
        first
            Index of each backtest's first round trip, and the number of all, shape (N + 1,).
        """
        import numpy as np

        capital = np.empty(len(trips.side))
        number = np.diff(first)
        now = np.full(len(number), initial_capital)
        for step in range(number.max(initial=0)):
            backtest = np.flatnonzero(number > step)
            this = first[backtest] + step
            capital[this] = now[backtest]
            earned = self.settle(trips.only(this), capital[this]).pnl
            now[backtest] = np.maximum(now[backtest] + earned, 0.0)
        return capital


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

    def price_fill(self, market: Floats, side: Ints) -> Floats:
        """Return market * (1 + side * slippage)."""
        return market * (1.0 + side * self.slippage)

    def charge_fees(self, size: Floats, price: Floats) -> Floats:
        """Return size * price * fees."""
        return size * price * self.fees

    def size_position(self, capital: Floats, entry: Floats) -> Floats:
        """Return capital / (entry * (1 + fees))."""
        return capital / (entry * (1.0 + self.fees))

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
        along each backtest, in the order of time, whatever stands beside it.
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
