"""Drawdown periods, rolling numbers and calendar returns, against pandas and by hand."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from research.residuals import compute_betas
from research.statistics.calendar_returns import compute_calendar_returns
from research.statistics.drawdown_periods import (
    DrawdownPeriod,
    compute_drawdowns,
    find_drawdown_periods,
)
from research.statistics.rolling import roll_betas, roll_sharpes

DATES: NDArray[np.datetime64] = np.arange("2020-11-16", "2021-09-12", dtype="datetime64[D]")
DAYS: list[date] = DATES.tolist()
RETURNS = np.random.default_rng(5).normal(0.0003, 0.01, 300)
MARKET = 0.6 * RETURNS + np.random.default_rng(6).normal(0.0, 0.01, 300)


def test_drawdowns_are_those_of_pandas():
    level = (1.0 + pd.Series(RETURNS)).cumprod()
    expected = level / level.cummax().clip(lower=1.0) - 1.0
    np.testing.assert_allclose(compute_drawdowns(RETURNS), expected, atol=1e-15)


def test_periods_below_a_peak_by_hand():
    returns = np.array([-0.1, 1 / 9, 0.1, -0.5, 0.5, 0.4, -0.1])
    first, second, third = (DAYS[place] for place in (0, 3, 6))
    found = find_drawdown_periods(returns, DATES[:7], 3)
    # The first peak is what was invested; levels 0.9, 1, 1.1, 0.55, 0.825, 1.155, 1.0395.
    assert [(one.start, one.trough, one.end, one.bars) for one in found] == [
        (second, second, DAYS[5], 2),
        (first, first, DAYS[1], 1),
        (third, third, None, 1),
    ]
    assert [one.depth for one in found] == pytest.approx([-0.5, -0.1, -0.1])
    assert find_drawdown_periods(returns, DATES[:7], 1) == found[:1]
    assert find_drawdown_periods(np.full(3, 0.01), DATES[:3], 5) == []
    assert isinstance(found[0], DrawdownPeriod)


def test_rolling_numbers_are_those_of_each_window():
    sharpes, betas = roll_sharpes(RETURNS, 60, 252.0), roll_betas(RETURNS, MARKET, 60)
    rolling = pd.Series(RETURNS).rolling(60)
    np.testing.assert_allclose(sharpes, rolling.mean() / rolling.std() * 252**0.5, rtol=1e-9)
    expected = [
        compute_betas(RETURNS[np.newaxis, stop - 60 : stop], MARKET[stop - 60 : stop])[0]
        for stop in range(60, 301)
    ]
    np.testing.assert_allclose(betas[59:], expected, rtol=1e-12)
    assert np.isnan(betas[:59]).all()
    assert np.isnan(roll_betas(RETURNS[:59], MARKET[:59], 60)).all()


def test_a_flat_market_has_a_beta_of_zero():
    assert roll_betas(RETURNS[:80], np.full(80, 0.001), 60)[59:].tolist() == [0.0] * 21
    assert np.isnan(roll_sharpes(np.zeros(80), 60, 252.0)).all()


def test_months_and_years_compound_the_returns_of_their_days():
    found = compute_calendar_returns(RETURNS, DATES)
    assert list(found) == [2020, 2021]
    month = DATES.astype("datetime64[M]")
    for one in np.unique(month):
        number = int(one.astype(np.int64))
        expected = np.prod(1.0 + RETURNS[month == one]) - 1.0
        months = found[1970 + number // 12].months
        assert months[number % 12] == pytest.approx(expected, abs=1e-14)
    year = DATES.astype("datetime64[Y]").astype(np.int64) + 1970
    for one, of_year in found.items():
        assert of_year.total == pytest.approx(np.prod(1.0 + RETURNS[year == one]) - 1.0, abs=1e-14)
    assert np.isnan(found[2020].months[:10]).all()
    assert DAYS[0] == date(2020, 11, 16)
    assert compute_calendar_returns(RETURNS[:0], DATES[:0]) == {}
