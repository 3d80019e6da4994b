"""Accounts by hand: what is decided, what is filled, and what is counted."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from engine.account.market import AccountMarket, carry_forward
from engine.account.outcome import DELISTED, ENTRY, EXIT, RESIZE, AccountOutcome
from engine.account.rules import AccountRules, EqualSlots, ExposureLimits, rank_by_place
from engine.account.simulation import simulate_account
from engine.costs import CostModel, PercentageCosts, compose_costs
from engine.errors import UnbalancedAccountError

FREE = PercentageCosts(0.0, 0.0)
NAN = np.nan


def _market(closes: list[list[float]], opens: list[list[float]] | None = None, **changes):
    """Return a market of which closes are given by bar; opens are the closes before, or given."""
    close = np.array(closes, dtype=np.float64)
    open_ = np.vstack([close[:1], close[:-1]]) if opens is None else np.array(opens)
    close = np.where(np.isfinite(close), close, 0.0)
    carry_forward(close)
    bars, symbols = close.shape
    dates = np.datetime64("2021-01-04") + np.arange(bars)
    volume = np.full(close.shape, 1000.0)
    names = [f"S{one}" for one in range(symbols)]
    market = AccountMarket(names, dates, open_, close, volume, np.full(symbols, bars))
    return replace(market, **changes)


def _simulate(
    market: AccountMarket,
    targets: Sequence[Sequence[float]],
    *,
    slots: int = 2,
    costs: CostModel = FREE,
    rebalance: tuple[int, ...] = (),
    **rules,
) -> AccountOutcome:
    calendar = np.zeros(len(market.dates), dtype=np.bool_)
    calendar[list(rebalance)] = True
    dtype = np.int8 if all(float(one).is_integer() for row in targets for one in row) else float
    given = AccountRules(1000.0, EqualSlots(slots), rank_by_place, slots, calendar, **rules)
    outcome = simulate_account(market, np.array(targets, dtype=dtype), given, costs)
    outcome.check("by hand")
    return outcome


def _fills(outcome: AccountOutcome) -> list[tuple[int, int, float, int]]:
    fills = outcome.fills
    return [
        (int(one["bar"]), int(one["symbol"]), round(float(one["size"]), 9), int(one["reason"]))
        for one in fills
    ]


def test_a_signal_is_filled_at_the_next_open_by_the_close_before():
    # Decided at the close of 10, filled at the open of 12.5: 500 / 10 = 50 shares for 625.
    market = _market([[10.0], [10.0], [20.0]], [[9.0], [9.5], [12.5]])
    outcome = _simulate(market, [[0], [1], [1]])
    assert _fills(outcome) == [(2, 0, 50.0, ENTRY)]
    assert outcome.cash.tolist() == [1000.0, 1000.0, 375.0]
    assert outcome.equity.tolist() == [1000.0, 1000.0, 1375.0]


def test_fees_and_slippage_are_paid_on_both_sides():
    outcome = _simulate(
        _market([[10.0]] * 4), [[1], [0], [0], [0]], costs=PercentageCosts(0.01, 0.1)
    )
    # 50 shares at 11 with 5.5 fees, then sold at 9 with 4.5.
    assert outcome.cash.tolist() == pytest.approx([1000.0, 444.5, 890.0, 890.0])


def test_sales_pay_for_purchases_of_the_same_open():
    market = _market([[10.0, 10.0]] * 4)
    outcome = _simulate(market, [[0, 1], [1, 0], [1, 0], [1, 0]], slots=1)
    assert _fills(outcome) == [(1, 1, 100.0, ENTRY), (2, 1, -100.0, EXIT), (2, 0, 100.0, ENTRY)]
    assert outcome.counts.missed == 0


def test_entries_beyond_the_slots_are_missed_by_rank():
    outcome = _simulate(_market([[10.0] * 3] * 3), [[1, 1, 1]] * 3, slots=2)
    assert [one[1] for one in _fills(outcome)] == [0, 1]
    assert outcome.counts.missed == 1


def test_an_entry_is_cut_to_the_cash():
    # Both are to have 500; the first costs 750 at its open, and 250 are left for the second.
    market = _market([[10.0, 10.0]] * 3, [[10.0, 10.0], [15.0, 10.0], [10.0, 10.0]])
    outcome = _simulate(market, [[1, 1]] * 3)
    assert _fills(outcome) == [(1, 0, 50.0, ENTRY), (1, 1, 25.0, ENTRY)]
    assert (outcome.counts.cut, outcome.counts.missed) == (1, 0)
    outcome = _simulate(market, [[1, 1]] * 3, minimum_fill=0.6)
    assert _fills(outcome) == [(1, 0, 50.0, ENTRY)]
    assert (outcome.counts.cut, outcome.counts.missed) == (0, 1)


def test_a_signal_waits_for_a_day_with_trade():
    market = _market([[10.0]] * 5, [[10.0], [NAN], [NAN], [10.0], [10.0]])
    outcome = _simulate(market, [[1]] * 5)
    assert _fills(outcome) == [(3, 0, 50.0, ENTRY)]
    assert outcome.counts.waited == 1


def test_of_several_signals_that_wait_the_last_counts():
    market = _market([[10.0]] * 5, [[10.0], [NAN], [NAN], [10.0], [10.0]])
    assert _fills(_simulate(market, [[1], [0], [0], [0], [0]])) == []


def test_what_is_held_of_an_ended_symbol_is_closed():
    market = _market([[10.0], [11.0], [12.0], [NAN]], [[10.0], [10.0], [11.0], [NAN]])
    outcome = _simulate(
        replace(market, ends=np.array([2])), [[1]] * 4, costs=PercentageCosts(0.0, 0.5)
    )
    assert _fills(outcome) == [(1, 0, 50.0, ENTRY), (2, 0, -50.0, DELISTED)]
    # Bought at 15, and sold at 6: half of the close of 12.
    assert outcome.equity.tolist() == [1000.0, 800.0, 550.0, 550.0]
    assert outcome.counts.liquidated == 1


def test_a_rebalance_resizes_and_tries_what_was_missed():
    market = _market([[10.0, 10.0], [10.0, 10.0], [30.0, 10.0], [30.0, 10.0], [30.0, 10.0]])
    targets = [[1, 1], [1, 1], [1, 1], [1, 1], [1, 1]]
    opens = np.array([[10.0, 10.0], [20.0, 10.0], [30.0, 10.0], [30.0, 10.0], [30.0, 10.0]])
    outcome = _simulate(replace(market, open=opens), targets, rebalance=(2,))
    # 50 shares for 1000: no cash is left for the second, until half of the first is sold.
    assert _fills(outcome) == [
        (1, 0, 50.0, ENTRY),
        (3, 0, -25.0, RESIZE),
        (3, 1, 75.0, ENTRY),
    ]
    assert outcome.counts.missed == 1


def test_a_weight_within_the_band_is_left_alone():
    market = _market([[10.0], [10.0], [11.0], [11.0], [11.0]])
    kept = _simulate(market, [[1]] * 5, rebalance=(2,), band=0.03)
    assert len(kept.fills) == 1
    assert len(_simulate(market, [[1]] * 5, rebalance=(2,), band=0.02).fills) == 2


def test_a_reversal_closes_and_then_opens_the_other_side():
    outcome = _simulate(_market([[10.0]] * 4), [[1], [-1], [-1], [-1]])
    assert _fills(outcome) == [(1, 0, 50.0, ENTRY), (2, 0, -50.0, EXIT), (2, 0, -50.0, ENTRY)]
    assert outcome.cash.tolist() == [1000.0, 500.0, 1500.0, 1500.0]
    assert outcome.equity.tolist() == [1000.0] * 4


def test_a_larger_share_of_a_target_resizes_the_position():
    outcome = _simulate(_market([[10.0]] * 4), [[0.5], [1.0], [1.0], [0.2]])
    assert _fills(outcome) == [(1, 0, 25.0, ENTRY), (2, 0, 25.0, RESIZE)]


@pytest.mark.parametrize(
    ("limits", "sizes"),
    [
        (ExposureLimits(weight=0.2), [20.0, 20.0]),
        (ExposureLimits(gross=0.6), [50.0, 10.0]),
        (ExposureLimits(net_high=0.7), [50.0, 20.0]),
        (ExposureLimits(sector_weight=0.8, sectors=np.array([0, 0])), [50.0, 30.0]),
        (ExposureLimits(sector_weight=0.8, sectors=np.array([0, 1])), [50.0, 50.0]),
    ],
)
def test_increases_are_cut_to_each_limit(limits: ExposureLimits, sizes: list[float]):
    outcome = _simulate(_market([[10.0, 10.0]] * 3), [[1, 1]] * 3, limits=limits)
    assert [one[2] for one in _fills(outcome)] == sizes


def test_shorts_are_cut_to_the_lowest_net_exposure():
    limits = ExposureLimits(net_low=-0.7)
    outcome = _simulate(_market([[10.0, 10.0]] * 3), [[-1, -1]] * 3, limits=limits)
    assert [one[2] for one in _fills(outcome)] == [-50.0, -20.0]


def test_what_the_volume_leaves_of_an_exit_goes_on():
    costs = compose_costs(
        [{"model": "square_root_impact", "coefficient": 0.0, "volume_share": 0.1}]
    )
    volume = np.array([[1000.0], [300.0], [1000.0], [200.0], [1000.0], [1000.0]])
    market = replace(_market([[10.0]] * 6), volume=volume)
    outcome = _simulate(market, [[1], [1], [0], [0], [0], [0]], costs=costs)
    # Of 50 shares, a tenth of the day's volume: 30 of the entry, then 20 and 10 of the exit.
    assert [one[:3] for one in _fills(outcome)] == [(1, 0, 30.0), (3, 0, -20.0), (4, 0, -10.0)]
    assert outcome.counts.capped == 2


def test_interest_and_borrow_fees_accrue_by_calendar_days():
    costs = compose_costs(
        [{"model": "borrow", "rate": 0.365}, {"model": "cash_interest", "rate": 0.73}]
    )
    dates = np.array(["2021-01-04", "2021-01-05", "2021-01-08"], dtype="datetime64[D]")
    market = replace(_market([[10.0]] * 3), dates=dates)
    outcome = _simulate(market, [[-1], [-1], [-1]], costs=costs)
    # A day of interest on 1000, then three on 1502 less the short's 501, and three of fees on it.
    first = 1000.0 * 0.002
    shares = round(500.0 / 10.0, 9)
    cash = 1000.0 + first + shares * 10.0
    second = (cash - 500.0) * 0.006 - 500.0 * 0.003
    assert outcome.accrued.tolist() == pytest.approx([0.0, first, second])
    assert outcome.cash.tolist() == pytest.approx([1000.0, cash, cash + second])


def test_nothing_is_bought_once_the_capital_is_lost():
    market = _market([[10.0, 10.0], [10.0, 10.0], [40.0, 10.0], [40.0, 10.0], [40.0, 10.0]])
    outcome = _simulate(
        market,
        [[-1, 0], [-1, 0], [0, 0], [0, 1], [0, 1]],
        slots=1,
        limits=ExposureLimits(gross=1.0),
    )
    assert outcome.equity[-1] == -2000.0
    assert [one[3] for one in _fills(outcome)] == [ENTRY, EXIT]


@pytest.mark.parametrize("field", ["cash", "equity"])
def test_an_account_that_does_not_add_up_is_refused(field: str):
    outcome = _simulate(_market([[10.0]] * 4), [[1], [1], [0], [0]])
    getattr(outcome, field)[2] += 1e-5
    with pytest.raises(UnbalancedAccountError, match=f"mine does not balance on .*06: its {field}"):
        outcome.check("mine")


def test_a_lost_fill_does_not_add_up():
    outcome = _simulate(_market([[10.0], [10.0], [11.0], [12.0]]), [[1], [1], [0], [0]])
    with pytest.raises(UnbalancedAccountError):
        replace(outcome, fills=outcome.fills[:-1]).check("mine")
