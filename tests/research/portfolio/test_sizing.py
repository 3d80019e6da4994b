"""Sizes and calendars by hand."""

import numpy as np
import pytest

from engine.account.market import AccountMarket
from research.portfolio.calendar import find_rebalances
from research.portfolio.parsing import parse_definition
from research.portfolio.sizing import PastReturns, build_weigher

RANDOM = np.random.default_rng(4)
CLOSE = 100.0 * np.cumprod(1.0 + RANDOM.normal(0, [0.01, 0.02, 0.04], (80, 3)), axis=0)
ALL, ONES = np.arange(3), np.ones(3)


def _market(close: np.ndarray = CLOSE, first_day: str = "2021-01-01") -> AccountMarket:
    dates = np.busday_offset(first_day, np.arange(len(close)), roll="forward")
    names = [f"S{one}" for one in range(close.shape[1])]
    open_ = np.where(close > 0, close, np.nan)
    return AccountMarket(names, dates, open_, close, close, np.full(close.shape[1], len(close)))


def _weigh(given: dict, bar: int = 70, targets: np.ndarray = ONES, close: np.ndarray = CLOSE):
    definition = parse_definition("x", {"lookback": 60, **given}, ["S0", "S1", "S2"])
    return build_weigher(definition, _market(close), 252.0).weigh(bar, ALL, targets)


def _volatility(bar: int = 70) -> np.ndarray:
    returns = CLOSE[bar - 59 : bar + 1] / CLOSE[bar - 60 : bar] - 1.0
    return returns.std(axis=0, ddof=1) * 252**0.5


def test_volatility_is_of_the_last_returns_only():
    found = PastReturns(_market(), 60, 252.0).measure_volatility(70, ALL)
    assert found == pytest.approx(_volatility())
    assert np.isnan(PastReturns(_market(), 60, 252.0).measure_volatility(19, ALL)).all()
    assert np.isfinite(PastReturns(_market(), 60, 252.0).measure_volatility(20, ALL)).all()


def test_equal_weights_are_of_all_that_is_held():
    assert _weigh({"sizing": "equal_weight"}).tolist() == pytest.approx([1 / 3] * 3)
    given = {"sizing": "equal_weight", "limits": {"max_gross": 0.6}}
    assert _weigh(given, targets=np.array([1.0, -1.0, 1.0])).tolist() == pytest.approx(
        [0.2, -0.2, 0.2]
    )


def test_inverse_volatility_is_in_proportion():
    expected = 1 / _volatility() / (1 / _volatility()).sum()
    assert _weigh({"sizing": "inverse_volatility"}) == pytest.approx(expected)


def test_a_position_has_the_volatility_that_is_wanted():
    weights = _weigh({"sizing": "volatility_target", "position_volatility": 0.05})
    assert weights * _volatility() == pytest.approx([0.05] * 3)


def test_the_whole_has_the_volatility_that_is_wanted():
    weights = _weigh({"sizing": "volatility_target", "portfolio_volatility": 0.08})
    covariance = np.cov((CLOSE[11:71] / CLOSE[10:70] - 1.0).T) * 252
    assert (weights @ covariance @ weights) ** 0.5 == pytest.approx(0.08)
    calm = _weigh({"sizing": "volatility_target", "portfolio_volatility": 5.0})
    assert np.abs(calm).sum() == pytest.approx(1.0)


def test_the_whole_of_young_symbols_is_of_the_days_they_have():
    # Of the first, 22 of 60 returns are known: the others are no returns of zero.
    close = CLOSE.copy()
    close[:48, 0] = 0.0
    given, one = {"sizing": "volatility_target"}, np.array([1.0, 0.0, 0.0])
    alone = _weigh(given | {"position_volatility": 0.05}, targets=one, close=close)
    whole = _weigh(given | {"portfolio_volatility": 0.05}, targets=one, close=close)
    assert 0.0 < alone[0] < 1.0
    assert whole == pytest.approx(alone)
    weights = _weigh(given | {"portfolio_volatility": 0.05}, close=close)
    covariance = np.cov((CLOSE[49:71] / CLOSE[48:70] - 1.0).T) * 252
    assert (weights @ covariance @ weights) ** 0.5 == pytest.approx(0.05)
    nobody = _weigh(given | {"portfolio_volatility": 0.05}, bar=10)
    assert not nobody.any()


@pytest.mark.parametrize("sizing", ["min_variance", "risk_parity", "hierarchical_risk_parity"])
def test_optimizers_prefer_the_quietest_symbol(sizing: str):
    weights = _weigh({"sizing": sizing})
    assert weights.sum() == pytest.approx(1.0)
    assert weights[0] > weights[1] > weights[2] >= 0
    short = _weigh({"sizing": sizing}, targets=np.array([1.0, -1.0, 1.0]))
    assert (np.sign(short) == [1, -1, 1]).all() or short[2] == 0


def test_minimum_variance_is_that_of_the_covariance():
    returns = CLOSE[11:71] / CLOSE[10:70] - 1.0
    covariance = np.cov(returns.T)
    assert (np.linalg.inv(covariance) @ np.ones(3))[2] < 0, "the third is not held"
    inverse = np.linalg.inv(covariance[:2, :2]) @ np.ones(2)
    expected = [*(inverse / inverse.sum()), 0.0]
    assert _weigh({"sizing": "min_variance"}) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("sizing", ["inverse_volatility", "min_variance"])
def test_a_symbol_without_past_gets_nothing(sizing: str):
    close = CLOSE.copy()
    close[:60, 2] = 0.0
    weights = _weigh({"sizing": sizing}, close=close)
    assert weights[2] == 0.0
    assert weights.sum() == pytest.approx(1.0)


def test_weeks_and_months_are_decided_on_their_first_session():
    market = _market(first_day="2021-01-06")  # a Wednesday
    weekly = market.dates[find_rebalances(market, "weekly")]
    assert weekly[:3].astype(str).tolist() == ["2021-01-06", "2021-01-11", "2021-01-18"]
    monthly = market.dates[find_rebalances(market, "monthly")]
    assert monthly.astype(str).tolist() == ["2021-01-06", "2021-02-01", "2021-03-01", "2021-04-01"]
    assert find_rebalances(market, "daily").all()
    assert not find_rebalances(market, "on_signal").any()


def test_a_day_on_which_few_symbols_trade_is_no_session():
    market = _market(first_day="2021-01-28")
    market.open[2, :2] = np.nan  # Monday the first of February: one symbol of three
    monthly = market.dates[find_rebalances(market, "monthly")]
    assert monthly[1].astype(str) == "2021-02-02"
