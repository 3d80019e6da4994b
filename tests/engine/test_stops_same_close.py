"""Stops when signals fill at the close: levels are reached first, and the entry's bar is over."""

from dataclasses import replace

from tests.bars import ohlc
from tests.engine.cases import FREE, fills, run

STOP = replace(FREE, execution="same_close", stop_loss=0.1)
QUIET = (100.0, 105.0, 95.0, 100.0)
STOPPED = (100.0, 101.0, 89.0, 99.0)


def test_the_range_of_the_entrys_bar_does_not_count():
    bars = ohlc((100, 150, 50, 100), QUIET, QUIET)
    target = replace(STOP, take_profit=0.2)
    assert fills(run(bars, [0], [], target)) == [(0, 100.0, 2, 100.0, "open")]


def test_the_bar_after_the_entrys_counts():
    bars = ohlc(QUIET, STOPPED, QUIET)
    assert fills(run(bars, [0], [], STOP)) == [(0, 100.0, 1, 90.0, "stop_loss")]


def test_a_stop_goes_before_an_exit_signal_of_its_bar_and_fills_at_its_level():
    bars = ohlc(QUIET, STOPPED, QUIET)
    assert fills(run(bars, [0], [1], STOP)) == [(0, 100.0, 1, 90.0, "stop_loss")]


def test_an_exit_signal_before_the_stop_goes_first():
    bars = ohlc(QUIET, QUIET, STOPPED)
    assert fills(run(bars, [0], [1], STOP)) == [(0, 100.0, 1, 100.0, "signal")]


def test_an_entry_signal_on_the_bar_of_a_stop_enters_anew_at_its_close():
    bars = ohlc(QUIET, STOPPED, (99, 100, 90, 95), QUIET)
    assert fills(run(bars, [0, 1], [], STOP)) == [
        (0, 100.0, 1, 90.0, "stop_loss"),
        (1, 99.0, 3, 100.0, "open"),
    ]


def test_a_signal_to_turn_on_the_bar_of_a_stop_opens_the_other_side_only():
    both = replace(STOP, direction="both")
    assert fills(run(ohlc(QUIET, STOPPED, QUIET), [0], [1], both)) == [
        (0, 100.0, 1, 90.0, "stop_loss"),
        (1, 99.0, 2, 100.0, "open"),
    ]


def test_a_stop_on_the_last_bar_is_filled_and_its_entry_signal_opens_a_position_of_no_bar():
    result = run(ohlc(QUIET, STOPPED), [0, 1], [], STOP)
    assert fills(result) == [(0, 100.0, 1, 90.0, "stop_loss"), (1, 99.0, 1, 99.0, "open")]
    assert result.equity[-1] == 9_000.0


def test_the_trailing_level_ignores_the_high_of_the_entrys_bar():
    trailing = replace(FREE, execution="same_close", trailing_stop=0.1)
    bars = ohlc((100, 200, 100, 100), (100, 100, 95, 98), QUIET)
    assert fills(run(bars, [0], [], trailing)) == [(0, 100.0, 2, 100.0, "open")]
