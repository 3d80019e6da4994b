"""Shorts and reversals: fills and cash computed by hand."""

from dataclasses import replace

import pytest

from engine.settings import BacktestSettings
from tests.bars import build_bars
from tests.engine.cases import FREE, fills, run

OPENS = [100.0, 100.0, 100.0, 90.0, 80.0, 80.0, 90.0, 100.0, 110.0, 110.0]
TEN_BARS = build_bars(OPENS, OPENS)
SHORT = replace(FREE, direction="short")
BOTH = replace(FREE, direction="both")


def test_a_short_sells_on_exit_and_covers_on_entry_signals():
    result = run(TEN_BARS, [3], [0], SHORT)
    assert fills(result) == [(1, 100.0, 4, 80.0, "signal")]
    assert result.trades["direction"].tolist() == [1]
    # 100 shares sold at 100, bought back at 80: 2,000 earned.
    assert result.equity.tolist() == [10_000, 10_000, 10_000, 11_000, *[12_000] * 6]


def test_a_short_pays_fees_and_slippage_on_both_sides():
    result = run(TEN_BARS, [3], [0], BacktestSettings(direction="short"))
    sold, bought = 100.0 * 0.999, 80.0 * 1.001
    size = 10_000 / (sold * 1.001)
    profit = size * (sold - bought) - size * (sold + bought) * 0.001
    trade = result.trades[0]
    assert trade["entry_price"] == pytest.approx(sold)
    assert trade["exit_price"] == pytest.approx(bought)
    assert trade["size"] == pytest.approx(size)
    assert trade["pnl"] == pytest.approx(profit)
    assert trade["return"] == pytest.approx(profit / (size * sold))
    assert result.equity[-1] == pytest.approx(10_000 + profit)
    # While held: capital and proceeds less fees, minus the owed shares at the close.
    held = 10_000 + size * sold * (1 - 0.001) - size * 90.0
    assert result.equity[3] == pytest.approx(held)
    assert result.metrics["total_slippage"] == pytest.approx(size * (100.0 + 80.0) * 0.001)
    assert result.metrics["total_fees"] == pytest.approx(size * (sold + bought) * 0.001)


def test_an_open_short_is_marked_at_the_last_close_without_costs():
    result = run(TEN_BARS, [], [4], BacktestSettings(direction="short"))
    size = 10_000 / (80.0 * 0.999 * 1.001)
    assert fills(result) == [(5, pytest.approx(80.0 * 0.999), 9, 110.0, "open")]
    assert result.trades["exit_fees"].tolist() == [0.0]
    proceeds = size * 80.0 * 0.999 * (1 - 0.001)
    assert result.equity[-1] == pytest.approx(10_000 + proceeds - size * 110.0)
    assert result.equity[-1] == pytest.approx(10_000 + result.trades["pnl"][0])


def test_long_never_sells_short_and_short_never_buys():
    assert run(TEN_BARS, [0, 5], [], SHORT).metrics["total_trades"] == 0
    assert run(TEN_BARS, [], [0, 5], FREE).metrics["total_trades"] == 0


def test_a_reversal_fills_both_trades_on_one_bar_at_one_price():
    result = run(TEN_BARS, [0, 4], [1], BOTH)
    # Long 100 shares from 100 to 100; short 100 from 100 to 80; long 150 from 80 to 110.
    assert fills(result) == [
        (1, 100.0, 2, 100.0, "signal"),
        (2, 100.0, 5, 80.0, "signal"),
        (5, 80.0, 9, 110.0, "open"),
    ]
    assert result.trades["direction"].tolist() == [0, 1, 0]
    assert result.trades["size"].tolist() == pytest.approx([100.0, 100.0, 150.0])
    assert result.equity.tolist() == pytest.approx(
        [10_000, 10_000, 10_000, 11_000, 12_000, 12_000, 13_500, 15_000, 16_500, 16_500]
    )
    assert result.metrics["exposure"] == 0.9


def test_a_reversal_pays_costs_for_both_trades():
    result = run(TEN_BARS, [0], [1], BacktestSettings(direction="both"))
    bought, sold = 100.0 * 1.001, 100.0 * 0.999
    after = 10_000 / (bought * 1.001) * sold * 0.999
    assert result.trades["exit_price"][0] == result.trades["entry_price"][1]
    assert result.trades["size"][1] == pytest.approx(after / (sold * 1.001))


def test_a_signal_for_the_held_direction_changes_nothing():
    once, again = run(TEN_BARS, [0], [3], BOTH), run(TEN_BARS, [0, 1, 2], [3, 4, 6], BOTH)
    assert again.trades.tobytes() == once.trades.tobytes()


def test_entry_and_exit_on_one_bar_cancel_out():
    assert fills(run(TEN_BARS, [0, 3], [3], BOTH)) == [(1, 100.0, 9, 110.0, "open")]


def test_same_close_reverses_at_the_close_of_the_signals_bar():
    result = run(TEN_BARS, [0], [4], replace(BOTH, execution="same_close"))
    assert fills(result) == [(0, 100.0, 4, 80.0, "signal"), (4, 80.0, 9, 110.0, "open")]
