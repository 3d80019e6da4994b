"""A short that loses the whole capital: no further trades, and undefined ratios."""

from dataclasses import replace

import pytest

from engine.backtest import VectorBTEngine
from engine.metrics import METRICS
from engine.settings import Window
from tests.bars import build_bars, history, ohlc
from tests.engine.cases import FREE, day, fills, run
from tests.engine.planned import Planned

SHORT = replace(FREE, direction="short")
PRICES = [100.0, 100.0, 250.0, 250.0, 100.0, 100.0, 50.0]
LOST = "the capital was lost"


def test_nothing_is_opened_after_a_loss_of_more_than_the_capital():
    # 100 shares sold at 100 and bought back at 250: 15,000 lost of 10,000.
    result = run(build_bars(PRICES, PRICES), [2], [0, 3, 4], SHORT)
    assert fills(result) == [(1, 100.0, 3, 250.0, "signal")]
    assert result.equity.tolist() == [10_000, 10_000, *[-5_000] * 5]
    assert result.metrics["total_return"] == pytest.approx(-1.5)
    assert result.metrics["final_value"] == -5_000
    assert result.metrics["max_drawdown"] == pytest.approx(-1.5)
    assert result.metrics["total_trades"] == 1


def test_nothing_is_opened_after_a_loss_of_exactly_the_capital():
    prices = [100.0, 100.0, 200.0, 200.0, 100.0]
    result = run(build_bars(prices, prices), [1], [0, 2], SHORT)
    assert fills(result) == [(1, 100.0, 2, 200.0, "signal")]
    assert result.equity[-1] == 0.0


def test_a_ruined_backtest_does_not_trade_again():
    # Otherwise two losses of 150 % would multiply to a gain of 125 %.
    prices = [100.0, 100.0, 250.0, 250.0, 100.0, 100.0, 250.0, 250.0, 100.0, 100.0, 50.0]
    result = run(build_bars(prices, prices), [2, 6], [0, 4, 8], SHORT)
    assert fills(result) == [(1, 100.0, 3, 250.0, "signal")]
    assert result.equity[-1] == -5_000


def test_ratios_of_returns_are_undefined_after_ruin():
    result = run(build_bars(PRICES, PRICES), [2], [0], SHORT)
    of_returns = {name for name, metric in METRICS.items() if metric.of_returns}
    assert {"sharpe_ratio", "calmar_ratio", "annualized_return", "value_at_risk", "beta"} <= (
        of_returns
    )
    for name in of_returns:
        assert result.metrics[name] is None
        if METRICS[name].needs != "universe":
            assert result.undefined[name] == LOST
    for name in ("worst_trade", "total_fees", "recovery_factor", "max_drawdown"):
        assert result.metrics[name] is not None
    assert result.metrics["profit_factor"] == 0.0


def test_a_reversal_after_ruin_is_not_opened():
    result = run(build_bars(PRICES, PRICES), [2], [0], replace(FREE, direction="both"))
    assert fills(result) == [(1, 100.0, 3, 250.0, "signal")]


def test_negative_equity_at_a_close_only_undefines_the_ratios():
    # There is no margin call: equity is -5,000 at 250, and 10,000 again at 100.
    result = run(build_bars(PRICES, PRICES), [3], [0, 4], SHORT)
    assert fills(result) == [(1, 100.0, 4, 100.0, "signal"), (5, 100.0, 6, 50.0, "open")]
    assert result.equity.tolist() == [10_000, 10_000, -5_000, -5_000, 10_000, 10_000, 15_000]
    assert result.undefined["sharpe_ratio"] == LOST
    assert result.metrics["total_return"] == 0.5


def test_a_gap_through_a_stop_can_lose_the_capital():
    quiet = (100.0, 101.0, 99.0, 100.0)
    bars = ohlc(quiet, quiet, (300, 310, 290, 300), quiet, quiet)
    result = run(bars, [], [0, 2, 3], replace(SHORT, stop_loss=0.1))
    assert fills(result) == [(1, 100.0, 2, 300.0, "stop_loss")]
    assert result.equity[-1] == -10_000.0


def test_a_ruined_backtest_does_not_affect_others():
    mild = [100.0, 100.0, 110.0, 105.0, 90.0, 95.0, 95.0]
    lost, fine = (
        history(build_bars(PRICES, PRICES), "LOST"),
        history(build_bars(mild, mild), "FINE"),
    )
    window, plan = Window(day(0), day(6)), Planned([4], [0])
    together = VectorBTEngine(SHORT).run_batch([lost, fine], plan, window).results
    (alone,) = VectorBTEngine(SHORT).run_batch([fine], plan, window).results
    assert together[1].metrics == alone.metrics
    assert together[1].metrics["sharpe_ratio"] is not None
    assert together[0].metrics["sharpe_ratio"] is None
