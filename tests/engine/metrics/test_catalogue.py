"""Every metric documents its formula, source and kind, and when it is undefined."""

import pytest

from engine.metrics import METRICS
from tests.engine.metrics.ten_bars import ten_bars

REQUIRED = {
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
    "delayed_fills",
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
    "total_borrow_fees",
    "total_interest",
    "unfilled_orders",
    "alpha",
    "beta",
    "excess_return",
    "information_ratio",
    "universe_alpha",
    "universe_beta",
    "universe_excess_return",
    "universe_information_ratio",
}

# A difference, a sum, or a metric with the universe as benchmark.
WITHOUT_A_SOURCE = {
    "delayed_fills",
    "excess_return",
    "total_slippage",
    "total_borrow_fees",
    "total_interest",
    "unfilled_orders",
    "universe_return",
    "universe_excess_return",
    "universe_alpha",
    "universe_beta",
    "universe_information_ratio",
}


def test_every_required_metric_is_in_the_catalogue():
    assert set(METRICS) >= REQUIRED


def test_a_result_has_every_metric_in_the_order_of_the_catalogue():
    assert list(ten_bars().metrics) == list(METRICS)


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_documents_formula_and_source(name: str):
    description = METRICS[name].description
    assert description.startswith("Return ")
    assert ("Source: " in description) == (name not in WITHOUT_A_SOURCE)
    assert METRICS[name].name == name
    assert METRICS[name].otherwise


def test_counts_are_integers_and_other_metrics_are_floats():
    metrics = ten_bars().metrics
    for name, metric in METRICS.items():
        if metrics[name] is not None:
            assert type(metrics[name]) is (int if metric.kind == "count" else float), name
