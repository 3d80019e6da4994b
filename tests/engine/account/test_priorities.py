"""Accounts simulated together are those that are simulated one after the other."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.account.priorities import DrawnRank, simulate_orders
from engine.account.rules import AccountRules, EqualSlots, ExposureLimits
from engine.account.simulation import simulate_account
from engine.costs import PercentageCosts
from tests.engine.account.cases import Case, GivenWeights, cases, draw_market, draw_targets


@pytest.mark.parametrize("minimum_fill", [0.0, 0.5])
@pytest.mark.parametrize("sides", [(1, 0), (-1, 0)])
@pytest.mark.parametrize("rebalances", [False, True])
def test_accounts_together_are_those_one_by_one(minimum_fill, sides, rebalances):
    random = np.random.default_rng(3)
    market = draw_market(random, 120, 12)
    targets = draw_targets(random, market, sides, fractions=False)
    calendar = np.zeros(120, dtype=np.bool_)
    calendar[::20] = rebalances
    places = random.permuted(np.tile(np.arange(12.0), (20, 1)), axis=1)
    first = DrawnRank(places[0])
    rules = AccountRules(1000.0, EqualSlots(4), first, 4, calendar, minimum_fill=minimum_fill)
    costs = PercentageCosts(0.002, 0.001)
    curves = simulate_orders(market, targets, rules, costs, places)
    assert curves.shape == (120, 20)
    assert len(np.unique(curves[-1].round(6))) > 5
    for account, order in enumerate(places):
        alone = simulate_account(market, targets, replace(rules, rank=DrawnRank(order)), costs)
        np.testing.assert_allclose(curves[:, account], alone.curve, rtol=1e-11)


@pytest.mark.parametrize("minimum_fill", [0.0, 0.5])
@pytest.mark.parametrize("band", [0.0, 0.02])
@pytest.mark.parametrize("calendar", [False, True])
@pytest.mark.parametrize(
    "limits",
    [
        ExposureLimits(),
        ExposureLimits(weight=0.3),
        ExposureLimits(gross=0.6),
        ExposureLimits(net_high=0.5, weight=0.3),
        ExposureLimits(gross=0.7, sectors=np.arange(12) % 3, sector_weight=0.3),
    ],
)
def test_accounts_weighed_at_once_are_those_one_by_one(limits, calendar, band, minimum_fill):
    random = np.random.default_rng(11)
    market = draw_market(random, 90, 12)
    targets = draw_targets(random, market, (1, 0), fractions=True)
    days = np.zeros(90, dtype=np.bool_)
    days[::15] = calendar
    weigher = GivenWeights(random.uniform(0.05, 0.6, (90, 12)), joint=True)
    places = random.permuted(np.tile(np.arange(12.0), (8, 1)), axis=1)
    rules = AccountRules(
        1000.0, weigher, DrawnRank(places[0]), 12, days, not calendar, band, minimum_fill, limits
    )
    costs = PercentageCosts(0.03, 0.02)
    curves = simulate_orders(market, targets, rules, costs, places)
    if limits.gross < 1:  # there, some orders are cut
        assert len(np.unique(curves[-1].round(6))) > 3
    for account, order in enumerate(places):
        alone = simulate_account(market, targets, replace(rules, rank=DrawnRank(order)), costs)
        np.testing.assert_allclose(curves[:, account], alone.curve, rtol=1e-11)


@given(case=cases(plain=True), seed=st.integers(0, 1000))
def test_any_accounts_together_are_those_one_by_one(case: Case, seed: int):
    symbols = case.targets.shape[1]
    order = np.arange(float(symbols))
    places = np.random.default_rng(seed).permuted(np.tile(order, (4, 1)), axis=1)
    rules = replace(case.rules, slots=max(case.rules.slots, symbols))
    curves = simulate_orders(case.market, case.targets, rules, case.costs, places)
    for account, one in enumerate(places):
        ranked = replace(rules, rank=DrawnRank(one))
        alone = simulate_account(case.market, case.targets, ranked, case.costs)
        np.testing.assert_allclose(curves[:, account], alone.curve, rtol=1e-9)


def test_bars_before_the_window_are_left_out():
    random = np.random.default_rng(5)
    market = replace(draw_market(random, 60, 5, ragged=False), first=20)
    targets = draw_targets(random, market, (1, 0), fractions=False)
    targets[:20] = 0
    places = np.tile(np.arange(5.0), (2, 1))
    calendar = np.zeros(60, dtype=np.bool_)
    rules = AccountRules(1000.0, EqualSlots(2), DrawnRank(places[0]), 2, calendar)
    curves = simulate_orders(market, targets, rules, PercentageCosts(), places)
    assert curves.shape == (40, 2)
    np.testing.assert_array_equal(curves[:, 0], curves[:, 1])
    assert curves[0, 0] == 1000.0
    assert curves[-1, 0] != 1000.0
