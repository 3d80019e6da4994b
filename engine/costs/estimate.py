"""What costs take of a position whose price does not move."""

from engine.costs.model import CostModel, FillMarket
from strategies.base import Bools, Floats, Ints


def estimate_growth(
    costs: CostModel,
    side: Ints,
    closed: Bools,
    price: Floats,
    capital: float,
    half_spread: Floats | None = None,
) -> Floats:
    """Return the profit of positions at an unchanged price, 0 or negative, per unit of capital.

    All of the capital is put into each. Volume and volatility are not known, so there is no impact.

    Parameters
    ----------
    side
        1 for long, -1 for short, shape (M,).
    closed
        Whether the position is left as well; otherwise it is marked at the price.
    price
        The market's, shape (M,).
    half_spread
        Of the data, a fraction of the price, shape (M,); None where it has none.
    """
    import numpy as np

    market = FillMarket.of_price(price, half_spread)
    invested = np.full(np.shape(price), capital)
    size = costs.round_size(costs.size_position(invested, costs.bound_price(market, side)))
    entry, exit_ = costs.price_fill(market, side, size), costs.price_fill(market, -side, size)
    exit_ = np.where(closed, exit_, price)
    exit_fees = np.where(closed, costs.charge_fees(size, exit_), 0.0)
    fees = costs.charge_fees(size, entry) + exit_fees
    return (side * (exit_ - entry) * size - fees) / capital
