"""Costs are computed in one place: another model changes fills, sizes, trades and metrics."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest

from engine.costs import CostModel, FillMarket, PercentageCosts, RoundTrips
from engine.settings import BacktestSettings
from strategies.base import Floats, Ints
from tests.bars import build_bars
from tests.engine.cases import run

COSTS = PercentageCosts(fees=0.01, slippage=0.02)


def _trips(seed: int, count: int = 40) -> RoundTrips:
    rng = np.random.default_rng(seed)
    entry, exit_ = rng.uniform(50, 150, (2, count))
    return RoundTrips(rng.choice([-1, 1], count), entry, exit_, rng.random(count) < 0.9)


def test_a_percentage_is_charged_on_each_side():
    market, side = FillMarket.of_price(np.array([100.0, 100.0])), np.array([1, -1])
    size = np.array([1.0, 7.0])
    assert COSTS.price_fill(market, side, size).tolist() == [102.0, 98.0]
    assert COSTS.bound_price(market, side).tolist() == [102.0, 98.0]
    size = COSTS.size_position(np.array([1030.2]), np.array([102.0]))
    assert size.tolist() == pytest.approx([10.0])
    assert COSTS.charge_fees(size, np.array([102.0])).tolist() == pytest.approx([10.2])


def test_slippage_is_market_price_to_fill_price():
    trips = RoundTrips(
        np.array([1, -1, 1]),
        entry=np.array([102.0, 98.0, 102.0]),
        exit=np.array([107.8, 112.2, 110.0]),
        closed=np.array([True, True, False]),
    )
    paid = COSTS.sum_slippage(trips, np.array([10.0, 10.0, 10.0]))
    assert paid.tolist() == pytest.approx([2 * 10 + 2.2 * 10] * 2 + [20.0])


def _settle_one_after_the_other(trips: RoundTrips, first: list[int], capital: float) -> np.ndarray:
    """Return the capital before each round trip, from what the one before it earned."""
    before = np.empty(len(trips.side))
    for begin, end in pairwise(first):
        now = capital
        for one in range(begin, end):
            before[one] = now
            earned = COSTS.settle(trips.only(np.array([one])), np.array([now])).pnl[0]
            now = max(now + earned, 0.0)
    return before


@pytest.mark.parametrize("first", [[0, 40], [0, 0, 13, 13, 38, 40], [0, 1, 2, 40]])
def test_compounding_is_settling_one_after_the_other(first: list[int]):
    trips = _trips(sum(first))
    capital = COSTS.compound(trips, np.array(first), 777.0)
    np.testing.assert_allclose(_settle_one_after_the_other(trips, first, 777.0), capital, 1e-12)


@dataclass(frozen=True)
class _PerOrder(CostModel):
    """A fee of 9 per fill and a price worse by 1, which no percentage can express."""

    def price_fill(self, market: FillMarket, side: Ints, size: Floats) -> Floats:
        return market.price + side

    def bound_price(self, market: FillMarket, side: Ints) -> Floats:
        return market.price + side

    def charge_fees(self, size: Floats, price: Floats) -> Floats:
        return np.full_like(size, 9.0)

    def size_position(self, capital: Floats, price: Floats) -> Floats:
        return (capital - 9.0) / price

    def scaled(self, factor: float) -> CostModel:
        return self

    def describe(self) -> str:
        return "9 per order"


@dataclass(frozen=True)
class _Settings(BacktestSettings):
    @property
    def cost_model(self) -> CostModel:
        return _PerOrder()


def test_a_cost_model_that_is_not_proportional_works():
    prices = [99.0, 99.0, 119.0, 119.0, 49.0, 49.0, 24.8]
    settings = _Settings(initial_capital=1009.0, stop_loss=0.5)
    result = run(build_bars(prices, prices), [0, 3], [2], settings)
    # Bought at 100 with 1,000 and sold at 118: 10 shares, 180 less two fees of 9.
    first, second = result.trades
    assert (first["entry_price"], first["size"], first["exit_price"]) == (100.0, 10.0, 118.0)
    assert (first["entry_fees"], first["exit_fees"], first["pnl"]) == (9.0, 9.0, 162.0)
    # Then 1,171 are invested at 50. The stop is at half of 50, not of 49: 24.8 is below it.
    size = (1171.0 - 9.0) / 50.0
    assert (second["entry_price"], second["size"], second["exit_price"]) == (50.0, size, 23.8)
    assert result.equity[-1] == pytest.approx(size * 23.8 - 9.0)
    assert result.metrics["total_fees"] == 36.0
    assert result.metrics["total_slippage"] == pytest.approx(20.0 + 2.0 * size)


def test_the_defaults_are_declared_once():
    costs = PercentageCosts()
    assert BacktestSettings().cost_model == costs == PercentageCosts(0.001, 0.001)
    assert (BacktestSettings().fees, BacktestSettings().slippage) == (costs.fees, costs.slippage)
