"""Stops of a long position, bar by bar: which level is reached first, and its fill price."""

from dataclasses import replace

import pytest

from engine.settings import BacktestSettings
from tests.bars import ohlc
from tests.engine.cases import FREE, fills, run

# Entered at the open of bar 1 at 100: stop at 90, target at 120.
STOP = replace(FREE, stop_loss=0.1)
BOTH = replace(FREE, stop_loss=0.1, take_profit=0.2)
QUIET = (100.0, 105.0, 95.0, 100.0)


def test_a_stop_inside_a_bar_fills_at_its_level():
    bars = ohlc(QUIET, QUIET, (100, 101, 89, 99), QUIET)
    assert fills(run(bars, [0], [], STOP)) == [(1, 100.0, 2, 90.0, "stop_loss")]


def test_a_stop_that_the_low_just_touches_is_hit():
    bars = ohlc(QUIET, QUIET, (100, 101, 90, 99), QUIET)
    assert fills(run(bars, [0], [], STOP)) == [(1, 100.0, 2, 90.0, "stop_loss")]
    above = ohlc(QUIET, QUIET, (100, 101, 90.01, 99), QUIET)
    assert fills(run(above, [0], [], STOP)) == [(1, 100.0, 3, 100.0, "open")]


def test_a_stop_level_is_relative_to_the_fill_and_pays_costs():
    bars = ohlc(QUIET, QUIET, (100, 101, 89, 99), QUIET)
    result = run(bars, [0], [], BacktestSettings(stop_loss=0.1))
    paid = 100.0 * 1.001
    level = paid * 0.9
    sold = level * 0.999
    size = 10_000 / (paid * 1.001)
    assert result.trades["entry_price"][0] == pytest.approx(paid)
    assert result.trades["exit_price"][0] == pytest.approx(sold)
    assert result.trades["exit_fees"][0] == pytest.approx(size * sold * 0.001)
    assert result.metrics["final_value"] == pytest.approx(size * sold * 0.999)
    market = size * (100.0 + level)
    assert result.metrics["total_slippage"] == pytest.approx(market * 0.001)


def test_a_gap_through_the_stop_fills_at_the_open():
    bars = ohlc(QUIET, QUIET, (80, 92, 75, 91), QUIET)
    assert fills(run(bars, [0], [], BOTH)) == [(1, 100.0, 2, 80.0, "stop_loss")]


def test_a_target_inside_a_bar_fills_at_its_level():
    bars = ohlc(QUIET, QUIET, (110, 121, 108, 112), QUIET)
    assert fills(run(bars, [0], [], BOTH)) == [(1, 100.0, 2, 120.0, "take_profit")]


def test_a_gap_through_the_target_fills_at_the_open():
    bars = ohlc(QUIET, QUIET, (130, 135, 125, 126), QUIET)
    assert fills(run(bars, [0], [], BOTH)) == [(1, 100.0, 2, 130.0, "take_profit")]


def test_of_stop_and_target_in_one_bar_the_stop_is_filled():
    bars = ohlc(QUIET, QUIET, (100, 125, 85, 110), QUIET)
    assert fills(run(bars, [0], [], BOTH)) == [(1, 100.0, 2, 90.0, "stop_loss")]


def test_an_open_above_the_target_precedes_a_low_at_the_stop():
    bars = ohlc(QUIET, QUIET, (125, 126, 85, 110), QUIET)
    assert fills(run(bars, [0], [], BOTH)) == [(1, 100.0, 2, 125.0, "take_profit")]


def test_levels_apply_on_the_bar_of_an_entry_at_the_open():
    bars = ohlc(QUIET, (100, 101, 89, 99), QUIET, QUIET)
    assert fills(run(bars, [0], [], STOP)) == [(1, 100.0, 1, 90.0, "stop_loss")]
    bars = ohlc(QUIET, (100, 121, 99, 99), QUIET, QUIET)
    assert fills(run(bars, [0], [], BOTH)) == [(1, 100.0, 1, 120.0, "take_profit")]


def test_a_trade_within_one_bar_has_no_exposure():
    result = run(ohlc(QUIET, (100, 101, 89, 99), QUIET, QUIET), [0], [], STOP)
    assert result.equity.tolist() == pytest.approx([10_000, 9_000, 9_000, 9_000])
    assert result.metrics["exposure"] == 0.0
    assert result.metrics["average_trade_duration"] == 0.0
    assert result.metrics["closed_trades"] == 1


def test_a_stop_on_the_last_bar_closes_the_position():
    bars = ohlc(QUIET, QUIET, (100, 101, 89, 99))
    result = run(bars, [0], [], STOP)
    assert fills(result) == [(1, 100.0, 2, 90.0, "stop_loss")]
    assert result.metrics["open_trades"] == 0
    assert result.equity[-1] == pytest.approx(9_000)


def test_an_exit_signal_at_the_open_precedes_the_bars_stop():
    bars = ohlc(QUIET, QUIET, QUIET, (95, 96, 80, 85), QUIET)
    assert fills(run(bars, [0], [2], STOP)) == [(1, 100.0, 3, 95.0, "signal")]
    gap = ohlc(QUIET, QUIET, QUIET, (70, 96, 60, 85), QUIET)
    assert fills(run(gap, [0], [2], STOP)) == [(1, 100.0, 3, 70.0, "signal")]


def test_a_stop_precedes_an_exit_signal_of_its_own_bar():
    # The signal of bar 2 would fill at the open of bar 3.
    bars = ohlc(QUIET, QUIET, (100, 101, 89, 99), (50, 50, 50, 50), QUIET)
    assert fills(run(bars, [0], [2], STOP)) == [(1, 100.0, 2, 90.0, "stop_loss")]


def test_a_persistent_entry_signal_enters_again_after_a_stop():
    bars = ohlc(QUIET, QUIET, (100, 101, 89, 99), (98, 99, 97, 98), QUIET)
    # Not on bar 2: the signal of bar 1 would fill at its open, which is before the stop.
    assert fills(run(bars, [0, 1, 2], [], STOP)) == [
        (1, 100.0, 2, 90.0, "stop_loss"),
        (3, 98.0, 4, 100.0, "open"),
    ]
    assert len(fills(run(bars, [0, 1], [], STOP))) == 1


def test_an_exit_signal_while_stopped_out_changes_nothing():
    bars = ohlc(QUIET, QUIET, (100, 101, 89, 99), QUIET, QUIET, QUIET, QUIET)
    assert fills(run(bars, [0, 4], [3], STOP)) == [
        (1, 100.0, 2, 90.0, "stop_loss"),
        (5, 100.0, 6, 100.0, "open"),
    ]


def test_each_position_has_its_own_levels():
    bars = ohlc(QUIET, QUIET, QUIET, (200, 205, 195, 200), (200, 201, 179, 190), QUIET)
    assert fills(run(bars, [0, 2], [1], STOP)) == [
        (1, 100.0, 2, 100.0, "signal"),
        (3, 200.0, 4, 180.0, "stop_loss"),
    ]


def test_without_a_signal_nothing_is_stopped():
    assert fills(run(ohlc(QUIET, (100, 300, 1, 100), QUIET), [], [0], BOTH)) == []
