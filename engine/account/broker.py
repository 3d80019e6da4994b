"""What one fill costs: scalars where costs are percentages, else arrays of one element."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from engine.account.market import AccountMarket
from engine.costs import CostModel, FillMarket, PercentageCosts
from strategies.base import Floats


@dataclass(frozen=True)
class Quote:
    """What the market offers of one symbol at one fill.

    Parameters
    ----------
    price
        Of the market.
    market
        The rest, as cost models take it; None where they need nothing else.
    """

    price: float
    market: FillMarket | None = None


class Broker(ABC):
    """Fills single orders; `side` is 1 for a buy and -1 for a sale, sizes are positive."""

    @abstractmethod
    def quote(self, bar: int, symbol: int) -> Quote:
        """Return what the market offers at the open of a bar."""

    @abstractmethod
    def quote_close(self, bar: int, symbol: int) -> Quote:
        """Return what the market offers at the close of a bar."""

    @abstractmethod
    def price(self, quote: Quote, side: int, size: float) -> float:
        """Return the price of a fill."""

    @abstractmethod
    def bound(self, quote: Quote, side: int) -> float:
        """Return the highest price of a fill of any size."""

    @abstractmethod
    def fees(self, size: float, price: float) -> float:
        """Return the fees of a fill."""

    @abstractmethod
    def afford(self, money: float, price: float) -> float:
        """Return the most shares that money pays for, with their fees."""

    @abstractmethod
    def limit(self, quote: Quote) -> float:
        """Return the most shares that fill on the bar; infinite without a cap."""

    @abstractmethod
    def round(self, size: float) -> float:
        """Return what can be traded of a size."""


def open_broker(market: AccountMarket, costs: CostModel) -> Broker:
    """Return the broker of a cost model."""
    if isinstance(costs, PercentageCosts):
        return _PercentageBroker(market, costs)
    return _ModelBroker(market, costs)


class _PercentageBroker(Broker):
    """`engine.costs.PercentageCosts` of one fill, the same bits."""

    def __init__(self, market: AccountMarket, costs: PercentageCosts) -> None:
        self._open, self._close = market.open, market.close
        self._factor = {1: 1.0 + costs.slippage, -1: 1.0 - costs.slippage}
        self._fees = costs.fees

    def quote(self, bar: int, symbol: int) -> Quote:
        return Quote(self._open.item(bar, symbol))

    def quote_close(self, bar: int, symbol: int) -> Quote:
        return Quote(self._close.item(bar, symbol))

    def price(self, quote: Quote, side: int, size: float) -> float:  # noqa: ARG002
        return quote.price * self._factor[side]

    def bound(self, quote: Quote, side: int) -> float:
        return quote.price * self._factor[side]

    def fees(self, size: float, price: float) -> float:
        return size * price * self._fees

    def afford(self, money: float, price: float) -> float:
        return money / (price * (1.0 + self._fees))

    def limit(self, quote: Quote) -> float:  # noqa: ARG002
        return float("inf")

    def round(self, size: float) -> float:
        return size


class _ModelBroker(Broker):
    """Any cost model, an array of one element per fill."""

    def __init__(self, market: AccountMarket, costs: CostModel) -> None:
        self._market, self._costs = market, costs

    def quote(self, bar: int, symbol: int) -> Quote:
        return self._quote(self._market.open, bar, symbol)

    def quote_close(self, bar: int, symbol: int) -> Quote:
        return self._quote(self._market.close, bar, symbol)

    def price(self, quote: Quote, side: int, size: float) -> float:
        sides = np.array([side])
        return self._costs.price_fill(_market_of(quote), sides, np.array([size])).item()

    def bound(self, quote: Quote, side: int) -> float:
        return self._costs.bound_price(_market_of(quote), np.array([side])).item()

    def fees(self, size: float, price: float) -> float:
        return self._costs.charge_fees(np.array([size]), np.array([price])).item()

    def afford(self, money: float, price: float) -> float:
        return self._costs.size_position(np.array([money]), np.array([price])).item()

    def limit(self, quote: Quote) -> float:
        most = self._costs.limit_size(_market_of(quote))
        return self._costs.round_size(most).item()

    def round(self, size: float) -> float:
        return self._costs.round_size(np.array([size])).item()

    def _quote(self, prices: Floats, bar: int, symbol: int) -> Quote:
        market, at = self._market, (bar, slice(symbol, symbol + 1))
        unknown = np.full(1, np.nan)
        volatility = unknown if market.volatility is None else market.volatility[at]
        spread = unknown if market.half_spread is None else market.half_spread[at]
        price = prices[at]
        return Quote(price.item(), FillMarket(price, market.volume[at], volatility, spread))


def _market_of(quote: Quote) -> FillMarket:
    return quote.market or FillMarket.of_price(np.array([quote.price]))
