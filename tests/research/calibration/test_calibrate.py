"""The calibration, quickly: false verdicts on noise are rare, and a planted edge is found."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from math import comb

import numpy as np
import pytest

from research.calibration.cases import Case, list_cases
from research.calibration.markets import BARS, WARM_UP, Edge, SimulatedMarket, find_window
from research.calibration.rates import DEPLOYABLE, PROMISING, CaseRates
from research.calibration.run import calibrate, draw_seed
from research.verdicts.hedge import Hedge

NULLS, EDGES = 30, 12
SEED = 2
"""As in docs/calibration.md: these are the first of its universes."""

CASES: Mapping[str, Case] = {one.name: one for one in list_cases() if one.market.correlation == 0.3}
FOUND = {
    "trend": replace(CASES["trend, 0.115"], name="found"),
    "reversion": replace(CASES["reversion, 0.43"], market=SimulatedMarket("reversion", 0.37)),
}
"""With a true Sharpe ratio of 1.5 against one share of the universe."""


@cache
def rates_of(name: str) -> CaseRates:
    """Return the rates of a case; tests share them."""
    case, universes = (FOUND[name], EDGES) if name in FOUND else (CASES[name], NULLS)
    *_, (_, rates) = calibrate([case], universes, seed=SEED)
    assert rates.universes == universes
    return rates


def _chance(share: float, count: int, total: int) -> float:
    """Return the binomial probability of at least so many."""
    numbers = range(count, total + 1)
    return sum(comb(total, one) * share**one * (1 - share) ** (total - one) for one in numbers)


@pytest.mark.parametrize("name", ["noise", "noise, with costs"])
def test_noise_is_seldom_promising_and_hardly_deployable(name: str):
    found = rates_of(name).found
    # Of the 5 and 2.5 % that are meant, more would be less likely than 1 in 100.
    assert _chance(0.05, found[PROMISING], NULLS) > 0.01
    assert _chance(0.025, found[DEPLOYABLE], NULLS) > 0.01
    # Each of both by itself; a test of each strategy alone lets 28 best points of noise pass.
    assert _chance(0.05, found["grid"], NULLS) > 0.01
    assert _chance(0.10, found["best point"], NULLS) > 0.01
    # The same universes, judged as if nothing else had been tried.
    assert found["naive PSR"] > NULLS // 3


@pytest.mark.parametrize(
    ("edge", "earns", "loses"),
    [("trend", "sma_cross", "mean_reversion"), ("reversion", "mean_reversion", "sma_cross")],
)
def test_an_edge_is_found_and_by_those_who_have_it(edge: str, earns: str, loses: str):
    rates = rates_of(edge)
    # Of the 80 % that are meant, fewer would be less likely than 1 in 100.
    assert _chance(0.2, EDGES - rates.found[PROMISING], EDGES) > 0.01
    sharpes = rates.true_sharpes(Hedge.SHARE)
    assert 1.2 < max(sharpes.values()) < 1.9
    assert sharpes[earns] > 1.0
    assert sharpes[loses] < 0.0
    # In single symbols it shows more clearly than against one share of the universe.
    assert rates.true_sharpes(Hedge.POSITIONS)[earns] > sharpes[earns] + 0.4
    assert rates.false_discoveries() == 0.0


def test_what_learns_is_seldom_promising_on_noise():
    names, universes = ("ensemble", "online_learning", "regime_aware"), 5
    *_, (_, rates) = calibrate([CASES["noise"]], universes, seed=SEED, names=names)
    assert set(rates.true_sharpes(Hedge.SHARE)) == set(names)
    assert _chance(0.05, rates.found[PROMISING], universes) > 0.01
    # They trade: without a limit on luck some would pass.
    assert rates.found["naive PSR"]


def test_the_processes_change_no_number():
    universes = 6  # more than a process is given at once
    alone, together = (
        list(calibrate([CASES["noise"]], universes, seed=2, processes=one))[-1][1] for one in (1, 2)
    )
    assert alone.universes == together.universes == universes
    assert (alone.found, alone.promising) == (together.found, together.promising)
    for hedge in Hedge:
        assert np.array_equal(alone.means[hedge], together.means[hedge])
        assert np.array_equal(alone.variances[hedge], together.variances[hedge])


def test_every_universe_is_drawn_once():
    seeds = [
        draw_seed(case, seed, one) for case in list_cases() for seed in (1, 2) for one in (0, 1)
    ]
    assert len(set(seeds)) == 20 * 4


@pytest.mark.parametrize(
    "case", list_cases(), ids=lambda one: f"{one.name} {one.market.correlation}"
)
def test_markets_are_what_they_are_called(case: Case):
    # Many symbols and short: means of 20 symbols of one universe say little.
    histories = replace(case.market, symbols=60).draw(5)
    close = np.array([one.bars.close for one in histories])
    returns = np.diff(np.log(close), axis=1)
    assert returns.shape == (60, WARM_UP + BARS - 1)
    deviation = returns.std(axis=1).mean()
    assert deviation == pytest.approx(0.02, rel=0.25 if case.market.tails == "garch" else 0.03)
    correlation = (np.corrcoef(returns).sum() - 60) / (60 * 59)
    share = 1.0 - case.market.size if case.market.edge == "reversion" else 1.0
    assert correlation == pytest.approx(case.market.correlation * share, abs=0.08)
    for one in histories[:3]:
        one.cut_to(find_window()).check()


def test_reversion_reverts_and_trend_goes_on():
    signs: dict[Edge, int] = {"none": 0, "trend": 1, "market_trend": 1, "reversion": -1}
    for edge, sign in signs.items():
        drawn = SimulatedMarket(edge, 0.5, correlation=0.0, symbols=60).draw(1)
        returns = np.diff(np.log([one.bars.close for one in drawn]), axis=1)
        past, following = (
            returns[:, :-5],
            sum(returns[:, lag:][:, : returns.shape[1] - 5] for lag in range(1, 6)),
        )
        slope = np.corrcoef(past.ravel(), np.asarray(following).ravel())[0, 1]
        assert np.sign(slope.round(1)) == sign, edge
