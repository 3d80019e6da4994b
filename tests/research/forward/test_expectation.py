"""The cone of a backtest: how often what goes on stays inside, and what it says by hand."""

import numpy as np
import pytest

from research.forward.expectation import LEAST_BARS, Expectation, measure_long_run_deviation
from research.forward.standing import assess, count_live
from strategies.base import Floats
from tests.research.forward.returns import CASES, YEAR, draw


def _expect(returns: Floats, market: Floats) -> Expectation:
    found = Expectation.of(returns, market)
    assert found is not None
    return found


@pytest.mark.parametrize("case", CASES)
def test_the_cone_holds_what_goes_on_as_before(case: str):
    rng = np.random.default_rng([3, CASES.index(case)])
    drawn, market = draw(case, (600, 5 * YEAR), rng), np.zeros(3 * YEAR)
    market[0] = 1.0  # of no use, but not flat
    for ahead in (21, YEAR, 2 * YEAR):
        inside = []
        for curve in drawn + 0.1:
            low, high = _expect(curve[: 3 * YEAR], market).cone(ahead)
            inside.append(low[-1] <= curve[3 * YEAR :][:ahead].sum() <= high[-1])
        assert 0.92 <= np.mean(inside) <= 0.985, ahead


def test_an_expectation_by_hand():
    rng = np.random.default_rng(1)
    market, noise = rng.normal(0.0005, 0.01, 500), rng.normal(0.001, 0.005, 500)
    returns = 0.75 * market + noise
    found = _expect(returns, market)
    beta = np.cov(returns, market)[0, 1] / market.var(ddof=1)
    assert found.bars == 500
    assert found.beta == pytest.approx(beta)
    assert found.mean == pytest.approx(returns.mean())
    assert found.residual_mean == pytest.approx((returns - beta * market).mean())
    low, high = found.cone(250)
    half = 1.959964 * found.deviation * np.sqrt(250 + 250**2 / 500)
    assert low[-1] == pytest.approx(250 * found.mean - half)
    assert high[-1] == pytest.approx(250 * found.mean + half)


def test_the_long_run_deviation_is_that_of_long_sums():
    rng = np.random.default_rng(2)
    drawn = draw("autocorrelated", (1, 200_000), rng)[0]
    expected = np.sqrt((1.0 + 0.15) / (1.0 - 0.15))
    assert measure_long_run_deviation(drawn) == pytest.approx(expected, rel=0.02)
    # Returns that come back have a smaller one; the cone stays as wide as of independent ones.
    back = np.tile([1.0, -1.0], 100)
    assert measure_long_run_deviation(back) == pytest.approx(1.0)


def test_too_little_is_expected_of_nothing():
    rng = np.random.default_rng(4)
    market, noise = rng.normal(0.0, 0.01, (2, LEAST_BARS))
    assert Expectation.of(noise, market) is not None
    assert Expectation.of(noise[1:], market[1:]) is None
    assert Expectation.of(np.zeros(LEAST_BARS), market) is None
    assert Expectation.of(2.0 * market, market) is None
    found = assess(None, noise, market, YEAR)
    assert found.total == pytest.approx(np.cumsum(noise))
    assert np.isnan(found.cone_low).all()
    assert not found.inside.any()
    assert not found.alarms.any()


def test_bars_in_cash_before_the_first_position_do_not_count():
    rng = np.random.default_rng(5)
    market, noise = rng.normal(0.0, 0.01, (2, 2 * YEAR))
    later = noise[YEAR:]
    waited = np.concatenate([np.zeros(YEAR), later])
    assert _expect(waited, market) == _expect(later, market[YEAR:])
    # A strategy that just ended to learn promises nothing, so that nothing of it is an alarm.
    waited[: -LEAST_BARS + 1] = 0.0
    assert Expectation.of(waited, market) is None


def test_a_standing_by_hand():
    expectation = Expectation(756, 0.001, 0.01, 0.5, 0.0005, 0.008)
    returns, market = np.array([0.01, -0.03, -0.04]), np.array([0.0, -0.02, 0.0])
    found = assess(expectation, returns, market, YEAR)
    assert found.total == pytest.approx([0.01, -0.02, -0.06])
    assert found.inside.tolist() == [True, True, False]
    assert found.residual_total == pytest.approx([0.01, -0.01, -0.05])
    assert (found.decay > 0).tolist() == [False, True, True]
    days = np.array(["2024-01-02", "2024-01-03", "2024-01-04"], dtype="datetime64[D]")
    assert count_live(days, np.datetime64("2024-01-02")) == 2
