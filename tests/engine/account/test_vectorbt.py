"""Accounts have the equity of vectorbt's Portfolio.from_orders with shared cash, to nine digits.

What is ordered comes from the account's own fills: vectorbt knows no slots and no priorities, and
is told which orders there are, in which order, and what share of the value each asks for. Sizes,
prices, cash, cuts and equity are its own.
"""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from engine.account.outcome import DELISTED, AccountOutcome
from engine.account.rules import AccountRules, EqualSlots, rank_by_place
from engine.account.simulation import simulate_account
from engine.costs import PercentageCosts
from tests.engine.account.cases import Case, GivenRank, draw_market, draw_targets

COSTS = PercentageCosts(0.001, 0.002)


def _draw(
    seed: int, *, slots: int, ragged: bool, rebalance: bool = False, sides: tuple[int, ...] = (1, 0)
) -> Case:
    random = np.random.default_rng(seed)
    market = draw_market(random, 250, 30, ragged=ragged, deviation=0.015)
    targets = draw_targets(random, market, sides, fractions=False)
    for symbol, end in enumerate(market.ends.tolist()):
        # Entered and closed on its last bar would be two orders of one bar, which is one here.
        targets[end - 8 :, symbol] = targets[end - 9, symbol]
    calendar = np.zeros(250, dtype=np.bool_)
    calendar[20::21] = rebalance
    rank = GivenRank(random.normal(size=targets.shape))
    return Case(
        market, targets, AccountRules(100_000.0, EqualSlots(slots), rank, slots, calendar), COSTS
    )


def _order_as_vectorbt(outcome: AccountOutcome, case: Case, *, auto: bool = False) -> np.ndarray:
    """Return the equity of the same orders in vectorbt."""
    import vectorbt as vbt

    market, slots = case.market, case.rules.slots
    bars, symbols = market.close.shape
    size, price = np.full((bars, symbols), np.nan), market.open.copy()
    sequence = np.tile(np.arange(symbols), (bars, 1))
    for bar in np.unique(outcome.fills["bar"]).tolist():
        fills = outcome.fills[outcome.fills["bar"] == bar]
        # One order per symbol and bar: what turns a position around is a single one here.
        ordered = list(dict.fromkeys(fills["symbol"].tolist()))
        for symbol in ordered:
            at_close = (fills["reason"][fills["symbol"] == symbol] == DELISTED).any()
            wanted = 0 if at_close else int(case.targets[bar - 1, symbol])
            size[bar, symbol] = wanted / slots
            if at_close:
                price[bar, symbol] = market.close[bar, symbol]
        rest = [one for one in range(symbols) if one not in ordered]
        sequence[bar] = [*ordered, *rest]
    before = np.vstack([market.close[:1], market.close[:-1]])
    known = pd.DataFrame(np.where(market.close > 0, market.close, np.nan))
    portfolio = vbt.Portfolio.from_orders(
        known,
        size=size,
        size_type="targetpercent",
        direction="both",
        price=price,
        val_price=np.where(before > 0, before, np.nan),
        fees=COSTS.fees,
        slippage=COSTS.slippage,
        init_cash=case.rules.capital,
        cash_sharing=True,
        group_by=True,
        call_seq="auto" if auto else sequence,
        freq="1D",
    )
    return portfolio.value().to_numpy().ravel()


def _simulate(case: Case) -> AccountOutcome:
    outcome = simulate_account(case.market, case.targets, case.rules, case.costs)
    outcome.check("compared")
    assert len(outcome.fills) > 50
    return outcome


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("slots", [5, 15])
def test_capped_accounts_have_the_equity_of_vectorbt(seed: int, ragged: bool, slots: int):
    case = _draw(seed, slots=slots, ragged=ragged)
    outcome = _simulate(case)
    assert outcome.counts.missed > 0
    assert outcome.counts.liquidated > 0 or not ragged
    np.testing.assert_allclose(outcome.equity, _order_as_vectorbt(outcome, case), rtol=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_rebalanced_accounts_have_the_equity_of_vectorbt(seed: int):
    case = _draw(seed, slots=10, ragged=False, rebalance=True)
    outcome = _simulate(case)
    assert (outcome.fills["reason"] == 2).any()
    np.testing.assert_allclose(outcome.equity, _order_as_vectorbt(outcome, case), rtol=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_affordable_orders_have_the_equity_of_call_seq_auto(seed: int):
    case = _draw(seed, slots=40, ragged=True)
    outcome = _simulate(case)
    assert outcome.counts.cut == outcome.counts.missed == 0
    found = _order_as_vectorbt(outcome, case, auto=True)
    np.testing.assert_allclose(outcome.equity, found, rtol=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_shorts_have_the_equity_of_vectorbt(seed: int):
    case = _draw(seed, slots=40, ragged=False, sides=(-1, 0))
    outcome = _simulate(case)
    assert outcome.counts.cut == outcome.counts.missed == 0
    np.testing.assert_allclose(outcome.equity, _order_as_vectorbt(outcome, case), rtol=1e-9)


def test_another_order_of_entries_is_another_equity():
    case = _draw(1, slots=5, ragged=False)
    by_place = replace(case, rules=replace(case.rules, rank=rank_by_place))
    outcome, other = _simulate(case), _simulate(by_place)
    assert not np.allclose(outcome.equity, other.equity, rtol=1e-3)
    np.testing.assert_allclose(other.equity, _order_as_vectorbt(other, by_place), rtol=1e-9)
