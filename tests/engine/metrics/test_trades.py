"""Metrics of trades, computed by hand."""

import pytest

from engine.settings import BacktestSettings
from tests.bars import build_bars
from tests.engine.cases import run
from tests.engine.metrics.ten_bars import EQUITY, PRICES, ten_bars

METRICS = ten_bars().metrics


def test_the_equity_is_that_of_the_table():
    assert ten_bars().equity.tolist() == pytest.approx(EQUITY)


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("total_trades", 4),
        ("closed_trades", 3),
        ("open_trades", 1),
        ("winning_trades", 2),
        ("losing_trades", 1),
        ("win_rate", 2 / 3),
        ("profit_factor", (1000 + 1980) / 1100),
        ("expectancy", (1000 - 1100 + 1980) / 3),
        ("average_trade_return", (0.1 - 0.1 + 0.2) / 3),
        ("best_trade", 0.2),
        ("worst_trade", -0.1),
        ("average_trade_duration", (2 + 2 + 1) / 3),
        # The mean profit of a winner is 1,490, the mean loss of a loser 1,100.
        ("payoff_ratio", 1490 / 1100),
        ("kelly_fraction", 2 / 3 - (1 / 3) / (1490 / 1100)),
        # Bars 1, 2, 4, 5, 7 and 9 close with a position.
        ("exposure", 0.6),
        # Seven fills are worth 75,560, the mean equity is 10,651.
        (
            "turnover",
            (10_000 + 11_000 + 11_000 + 9_900 + 9_900 + 11_880 + 11_880) / 10_651 * 252 / 10,
        ),
        ("total_fees", 0.0),
        ("total_slippage", 0.0),
    ],
)
def test_ten_bars(metric: str, expected: float):
    assert METRICS[metric] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("direction", ["long", "short"])
def test_costs_are_summed_over_all_fills_of_both_directions(direction: str):
    settings = BacktestSettings(fees=0.01, slippage=0.02, direction=direction)  # pyright: ignore[reportArgumentType]
    signals = ([0], [2]) if direction == "long" else ([2], [0])
    result = run(build_bars(PRICES, PRICES), *signals, settings)
    worse = 0.02 if direction == "long" else -0.02
    entry, exit_ = 100.0 * (1 + worse), 110.0 * (1 - worse)
    size = 10_000 / (entry * 1.01)
    assert result.metrics["total_slippage"] == pytest.approx(size * (100.0 + 110.0) * 0.02)
    assert result.metrics["total_fees"] == pytest.approx(size * (entry + exit_) * 0.01)


def test_an_open_trade_pays_only_entry_costs():
    result = run(build_bars(PRICES, PRICES), [0], [], BacktestSettings(fees=0.01, slippage=0.02))
    size = 10_000 / (102.0 * 1.01)
    assert result.metrics["total_slippage"] == pytest.approx(size * 100.0 * 0.02)
    assert result.metrics["total_fees"] == pytest.approx(size * 102.0 * 0.01)
    mean = (10_000 + size * sum(PRICES[1:])) / 10
    assert result.metrics["turnover"] == pytest.approx(size * 102.0 / mean * 252 / 10)


@pytest.mark.parametrize("last", [150.0, 50.0])
def test_an_open_trade_is_neither_won_nor_lost(last: float):
    prices = [100.0, 100.0, 110.0, 100.0, 90.0, 100.0, 100.0, last]
    metrics = run(build_bars(prices, prices), [0, 2, 5], [1, 3]).metrics
    assert (metrics["winning_trades"], metrics["losing_trades"]) == (1, 1)
    assert metrics["best_trade"] == pytest.approx(0.1)
    assert metrics["worst_trade"] == pytest.approx(-0.1)


def test_a_trade_without_profit_is_neither_won_nor_lost():
    flat = run(build_bars([100.0] * 5, [100.0] * 5), [0], [2])
    assert (flat.metrics["winning_trades"], flat.metrics["losing_trades"]) == (0, 0)
    assert flat.metrics["win_rate"] == 0.0
    assert flat.metrics["closed_trades"] == 1


def test_the_kelly_fraction_is_not_capped_and_may_be_negative():
    # Two losses of 10 %, one gain of 1 %.
    prices = [100.0, 100.0, 90.0, 100.0, 90.0, 100.0, 101.0, 101.0]
    result = run(build_bars(prices, prices), [0, 2, 4], [1, 3, 5])
    lost = (1000 + 900) / 2
    won = 8100 * 0.01
    assert result.metrics["kelly_fraction"] == pytest.approx(1 / 3 - (2 / 3) / (won / lost))
    assert 1 / 3 - (2 / 3) / (won / lost) < -1
