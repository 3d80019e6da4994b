"""Rates and their page: counted by hand."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from research.calibration.cases import Case, list_cases
from research.calibration.page import render_page
from research.calibration.rates import CaseRates
from research.calibration.simulated_universe import SimulatedVerdicts, list_points, list_rules
from research.verdicts.criteria import Criterion
from research.verdicts.hedge import Hedge
from research.verdicts.strategy_verdict import BestPoint, StrategyVerdict
from strategies.base import Floats

NULL, EDGE = list_cases()[0], next(one for one in list_cases() if one.has_edge)
PASSED, FAILED = Criterion(1.0, 0.01, 0.05), Criterion(1.0, 0.9, 0.05)
POINTS = [name for name, points in list_points(list_rules()).items() for _ in points]


def _verdict(strategy: str, *passed: bool, dsr: float = 0.5) -> StrategyVerdict:
    """Return a verdict by which of the four criteria were passed."""
    grid, best, selection, walked = (PASSED if one else FAILED for one in passed)
    point = BestPoint({}, 1.0, 0.97, dsr, 2.0, 1.0)
    shown = (10, 10, 90, 29.0, "anchored", 1, 0.6, point)
    return StrategyVerdict(strategy, Hedge.SHARE, grid, best, selection, walked, *shown)


PROMISING = _verdict("rsi", True, True, True, False)
DEPLOYABLE = _verdict("macd", True, True, True, True, dsr=0.96)
REJECTED = _verdict("momentum", False, True, True, True)


def _rates(*universes: Sequence[StrategyVerdict], earning: str = "macd") -> CaseRates:
    """Return the rates of universes in which the points of one strategy earn 0.1 per bar."""
    means = np.array([0.001 if name == earning else -0.001 for name in POINTS])
    rates = CaseRates()
    for verdicts in universes:
        rates.add(_universe(verdicts, means, 0.0001))
    return rates


def _universe(
    verdicts: Sequence[StrategyVerdict], means: Floats, variance: float
) -> SimulatedVerdicts:
    """Return a universe whose means are twice as high under the other hedge."""
    variances = np.full(len(POINTS), variance)
    return SimulatedVerdicts(
        verdicts,
        {Hedge.SHARE: means, Hedge.POSITIONS: 2.0 * means},
        dict.fromkeys(Hedge, variances),
    )


def test_a_universe_counts_once_however_many_strategies_pass():
    rates = _rates([PROMISING, DEPLOYABLE], [PROMISING], [REJECTED], [REJECTED])
    assert (rates.rate("promising"), rates.rate("deployable")) == (0.5, 0.25)
    assert rates.error("deployable") == pytest.approx(math.sqrt(0.25 * 0.75 / 4))
    assert (rates.rate("grid"), rates.rate("best point"), rates.rate("DSR")) == (0.5, 1.0, 0.25)
    assert (rates.rate("naive PSR"), rates.rate("PBO < 0.5")) == (1.0, 0.0)
    # Of none or all in n, the error of one in n + 2.
    assert rates.error("PBO < 0.5") == pytest.approx(math.sqrt(1 / 6 * 5 / 6 / 4))
    assert rates.error("naive PSR") == pytest.approx(math.sqrt(5 / 6 * 1 / 6 / 4))


def test_true_sharpe_ratios_are_means_over_deviations_of_all():
    rates = CaseRates()
    for mean, variance in ((0.001, 0.0001), (0.003, 0.0003)):
        rates.add(_universe([], np.full(len(POINTS), mean), variance))
    yearly = 0.002 / 0.0002**0.5 * 252**0.5
    assert rates.true_sharpes(Hedge.SHARE)["rsi"] == pytest.approx(yearly)
    assert rates.true_sharpes(Hedge.POSITIONS)["rsi"] == pytest.approx(2.0 * yearly)
    # Of a strategy's points the best one, not that of its neighbour in the arrays.
    one = np.where(np.array(POINTS) == "macd", 0.0, 0.01)
    one[POINTS.index("rsi")] = 0.05
    lone = CaseRates()
    lone.add(_universe([], one, 0.0001))
    assert lone.true_sharpes(Hedge.SHARE)["rsi"] == pytest.approx(5.0 * 252**0.5)
    assert lone.true_sharpes(Hedge.SHARE)["macd"] == 0.0


def test_a_false_discovery_is_promising_without_earning():
    rates = _rates([PROMISING, DEPLOYABLE], [DEPLOYABLE], [REJECTED], [])
    assert rates.false_discoveries() == 0.25


def test_the_page_has_the_rates_of_each_case():
    null = _rates([PROMISING], *[[REJECTED]] * 19)
    found = _rates([PROMISING, DEPLOYABLE], [DEPLOYABLE], [DEPLOYABLE], [REJECTED])
    other = Case("other", replace(NULL.market, correlation=0.6), NULL.settings)
    page = render_page([(NULL, null), (other, null), (EDGE, found)], seed=7, version="9.9")
    assert f"all {len(POINTS)} points of the 9 strategies that fit no model,\n" in page
    assert "\nA row is 20 universes, seed 7. Version 9.9." in page
    assert "| market | correlation | promising | deployable |\n|---|--:|--:|--:|\n" in page
    # sqrt(.05 * .95 / 20) = 4.9 %; of none in 20, 1 / 22 gives 4.7 %.
    assert "| noise | 0.3 | 5.0 ± 4.9 % | 0.0 ± 4.7 % |\n| other | 0.6 | 5.0 ±" in page
    # sqrt(.75 * .25 / 4) = 21.7 %; the true Sharpe ratio is .001 / .01 * sqrt(252).
    assert "| trend, 0.080 | 0.3 | 1.59 | 3.17 | 75.0 ± 21.7 % | 75.0 ± 21.7 % | 25.0 % |" in page
    alone = "| naive PSR | DSR | PBO < 0.5 | grid | best point | selection | walk-forward |"
    assert alone in page
    numbers = (
        "| trend, 0.080 | 0.3 | 100.0 % | 75.0 % | 0.0 % | 75.0 % | 100.0 % | 100.0 % | 100.0 % |"
    )
    assert numbers in page
