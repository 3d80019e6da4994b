"""Stops with `same_close`: levels precede signals and do not apply on the entry's bar."""

from dataclasses import replace

from tests.bars import ohlc
from tests.engine.cases import FREE, fills, run

STOP = replace(FREE, execution="same_close", stop_loss=0.1)
QUIET = (100.0, 105.0, 95.0, 100.0)
STOPPED = (100.0, 101.0, 89.0, 99.0)


def test_levels_do_not_apply_on_the_entrys_bar():
    bars = ohlc((100, 150, 50, 100), QUIET, QUIET)
    target = replace(STOP, take_profit=0.2)
    assert fills(run(bars, [0], [], target)) == [(0, 100.0, 2, 100.0, "open")]


def test_levels_apply_on_the_bar_after_the_entrys():
    bars = ohlc(QUIET, STOPPED, QUIET)
    assert fills(run(bars, [0], [], STOP)) == [(0, 100.0, 1, 90.0, "stop_loss")]


def test_a_stop_precedes_an_exit_signal_of_its_bar():
    bars = ohlc(QUIET, STOPPED, QUIET)
    assert fills(run(bars, [0], [1], STOP)) == [(0, 100.0, 1, 90.0, "stop_loss")]


def test_an_exit_signal_before_the_stop_is_filled():
    bars = ohlc(QUIET, QUIET, STOPPED)
    assert fills(run(bars, [0], [1], STOP)) == [(0, 100.0, 1, 100.0, "signal")]


def test_an_entry_signal_on_a_stops_bar_enters_at_its_close():
    bars = ohlc(QUIET, STOPPED, (99, 100, 90, 95), QUIET)
    assert fills(run(bars, [0, 1], [], STOP)) == [
        (0, 100.0, 1, 90.0, "stop_loss"),
        (1, 99.0, 3, 100.0, "open"),
    ]


def test_a_reversal_on_a_stops_bar_only_opens_the_other_side():
    both = replace(STOP, direction="both")
    assert fills(run(ohlc(QUIET, STOPPED, QUIET), [0], [1], both)) == [
        (0, 100.0, 1, 90.0, "stop_loss"),
        (1, 99.0, 2, 100.0, "open"),
    ]


def test_a_stop_and_an_entry_on_the_last_bar_are_both_filled():
    result = run(ohlc(QUIET, STOPPED), [0, 1], [], STOP)
    assert fills(result) == [(0, 100.0, 1, 90.0, "stop_loss"), (1, 99.0, 1, 99.0, "open")]
    assert result.equity[-1] == 9_000.0


def test_the_trailing_level_ignores_the_high_of_the_entrys_bar():
    trailing = replace(FREE, execution="same_close", trailing_stop=0.1)
    bars = ohlc((100, 200, 100, 100), (100, 100, 95, 98), QUIET)
    assert fills(run(bars, [0], [], trailing)) == [(0, 100.0, 2, 100.0, "open")]
