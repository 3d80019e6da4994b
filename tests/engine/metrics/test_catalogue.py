"""Every metric says what it is: a formula, a source, a kind, and when it is undefined."""

import pytest

from engine.metrics import METRICS
from tests.engine.metrics.ten_bars import ten_bars

ASKED_FOR = {
    "total_return",
    "annualized_return",
    "annualized_volatility",
    "downside_volatility",
    "sharpe_ratio",
    "sortino_ratio",
    "calmar_ratio",
    "omega_ratio",
    "max_drawdown",
    "max_drawdown_duration",
    "value_at_risk",
    "conditional_value_at_risk",
    "exposure",
    "turnover",
    "total_trades",
    "winning_trades",
    "losing_trades",
    "open_trades",
    "win_rate",
    "profit_factor",
    "expectancy",
    "average_trade_return",
    "best_trade",
    "worst_trade",
    "average_trade_duration",
    "payoff_ratio",
    "kelly_fraction",
    "recovery_factor",
    "final_value",
    "peak_value",
    "total_fees",
    "total_slippage",
    "alpha",
    "beta",
    "excess_return",
    "information_ratio",
    "universe_alpha",
    "universe_beta",
    "universe_excess_return",
    "universe_information_ratio",
}

# A difference, a sum, or another metric with the universe for its benchmark.
WITHOUT_A_SOURCE = {
    "excess_return",
    "total_slippage",
    "universe_return",
    "universe_excess_return",
    "universe_alpha",
    "universe_beta",
    "universe_information_ratio",
}


def test_every_metric_that_was_asked_for_is_there():
    assert set(METRICS) >= ASKED_FOR


def test_every_result_has_every_metric_in_the_catalogues_order():
    assert list(ten_bars().metrics) == list(METRICS)


@pytest.mark.parametrize("name", METRICS)
def test_each_says_its_formula_and_its_source(name: str):
    description = METRICS[name].description
    assert description.startswith("Return ")
    assert ("Source: " in description) == (name not in WITHOUT_A_SOURCE)
    assert METRICS[name].name == name
    assert METRICS[name].otherwise


def test_counts_are_whole_numbers_and_all_else_is_not():
    metrics = ten_bars().metrics
    for name, metric in METRICS.items():
        if metrics[name] is not None:
            assert type(metrics[name]) is (int if metric.kind == "count" else float), name
