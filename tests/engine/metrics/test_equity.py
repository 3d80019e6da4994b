"""Metrics of the equity curve, computed by hand from ten returns."""

import statistics
from dataclasses import replace

import pytest

from engine.settings import BacktestSettings
from tests.bars import build_bars
from tests.engine.cases import FREE, run
from tests.engine.metrics.ten_bars import PRICES, RETURNS, ten_bars

METRICS = ten_bars().metrics
YEAR = 252
DOWNSIDE = ((0.05**2 + (550 / 10_450) ** 2) / 10) ** 0.5
GROWTH = 1.188 ** (YEAR / 10) - 1


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("total_return", 0.188),
        ("final_value", 11_880),
        ("peak_value", 11_880),
        ("annualized_return", GROWTH),
        ("annualized_volatility", statistics.stdev(RETURNS) * YEAR**0.5),
        ("downside_volatility", DOWNSIDE * YEAR**0.5),
        ("sharpe_ratio", statistics.mean(RETURNS) / statistics.stdev(RETURNS) * YEAR**0.5),
        ("sortino_ratio", statistics.mean(RETURNS) / DOWNSIDE * YEAR**0.5),
        # From 11,000 to 9,900; bars 5, 6 and 7 are below the top.
        ("max_drawdown", -0.1),
        ("max_drawdown_duration", 3),
        ("calmar_ratio", GROWTH / 0.1),
        ("recovery_factor", 1_880 / 1_100),
        ("omega_ratio", (0.05 + 500 / 10_500 + 0.2) / (0.05 + 550 / 10_450)),
        # The 5 % quantile is at 0.05 * 9 = 0.45 between the two worst returns.
        ("value_at_risk", -550 / 10_450 + 0.45 * (550 / 10_450 - 0.05)),
        ("conditional_value_at_risk", -550 / 10_450),
    ],
)
def test_ten_bars(metric: str, expected: float):
    assert METRICS[metric] == pytest.approx(expected, rel=1e-12)


def test_bars_per_year_scales_only_annualized_metrics():
    metrics = run(
        build_bars(PRICES, PRICES), [0], [], BacktestSettings(fees=0, slippage=0, bars_per_year=365)
    ).metrics
    usual = run(build_bars(PRICES, PRICES), [0], [], FREE).metrics
    for name in ("annualized_volatility", "sharpe_ratio", "sortino_ratio", "downside_volatility"):
        assert metrics[name] == pytest.approx((usual[name] or 0) * (365 / 252) ** 0.5), name
    assert metrics["annualized_return"] == pytest.approx(1.2**36.5 - 1)
    assert metrics["turnover"] == pytest.approx((usual["turnover"] or 0) * 365 / 252)
    for name in ("total_return", "max_drawdown", "value_at_risk", "omega_ratio", "exposure"):
        assert metrics[name] == usual[name], name


def test_conditional_value_at_risk_averages_several_returns():
    # 41 bars: the quantile is at 0.05 * 40 = 2, exactly on the third worst return.
    falls = {5: 0.9, 15: 0.92, 25: 0.94, 35: 0.96}
    prices = [100.0]
    for bar in range(1, 41):
        prices.append(prices[-1] * falls.get(bar, 1.001))
    metrics = run(build_bars(prices, prices), [0], []).metrics
    assert metrics["value_at_risk"] == pytest.approx(-0.06)
    assert metrics["conditional_value_at_risk"] == pytest.approx(-(0.1 + 0.08 + 0.06) / 3)


def test_a_drawdown_at_the_end_lasts_until_the_last_bar():
    prices = [100.0, 100.0, 110.0, 105.0, 110.0, 100.0, 101.0, 102.0, 103.0]
    metrics = run(build_bars(prices, prices), [0], []).metrics
    assert metrics["max_drawdown_duration"] == 4


def test_what_rounding_takes_of_the_peak_is_no_drawdown():
    prices = [118.6, 142.2, 127.98, 142.2, 142.2, 142.2, 142.2]
    result = run(build_bars(prices, prices), [0], [3], replace(FREE, execution="same_close"))
    assert result.equity[1] > result.equity[-1] == pytest.approx(result.equity[1], rel=1e-15)
    assert result.metrics["max_drawdown_duration"] == 1


def test_the_longest_drawdown_may_differ_from_the_deepest():
    prices = [100.0, 100.0, 50.0, 110.0, 109.0, 108.0, 107.0, 109.0, 111.0]
    metrics = run(build_bars(prices, prices), [0], []).metrics
    assert metrics["max_drawdown"] == pytest.approx(-0.5)
    assert metrics["max_drawdown_duration"] == 4
    # The deepest fall is 5,000; that of the longest, from 11,000 to 10,700, is smaller.
    assert metrics["recovery_factor"] == pytest.approx(1_100 / 5_000)
