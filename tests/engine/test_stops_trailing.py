"""The trailing stop: set by earlier bars, moved in one direction, alone and with a fixed stop."""

from dataclasses import replace

import pytest

from tests.bars import ohlc
from tests.engine.cases import FREE, fills, run

TRAIL = replace(FREE, trailing_stop=0.1)
FLAT = (100.0, 100.0, 100.0, 100.0)


def test_the_first_level_is_measured_from_the_entrys_fill():
    bars = ohlc(FLAT, (100, 100, 90, 95), FLAT)
    assert fills(run(bars, [0], [], TRAIL)) == [(1, 100.0, 1, 90.0, "trailing_stop")]


def test_a_bars_high_moves_the_level_of_the_next_bar():
    # On bar 1 the high is 120: 108 counts from bar 2 on, whose low of 107 reaches it.
    bars = ohlc(FLAT, (100, 120, 100, 110), (110, 111, 107, 109), FLAT)
    assert fills(run(bars, [0], [], TRAIL)) == [(1, 100.0, 2, pytest.approx(108), "trailing_stop")]


def test_the_level_never_falls():
    bars = ohlc(FLAT, (100, 120, 100, 118), (118, 118, 112, 114), (114, 114, 109, 110), FLAT)
    held = [(1, 100.0, 4, 100.0, "trailing_stop")]
    assert fills(run(bars, [0], [], TRAIL)) == held
    deeper = ohlc(FLAT, (100, 120, 100, 118), (118, 118, 112, 114), (114, 114, 107, 110), FLAT)
    assert fills(run(deeper, [0], [], TRAIL)) == [
        (1, 100.0, 3, pytest.approx(108), "trailing_stop")
    ]


def test_a_gap_through_the_trailing_level_fills_at_the_open():
    bars = ohlc(FLAT, (100, 120, 100, 118), (101, 130, 95, 128), FLAT)
    assert fills(run(bars, [0], [], TRAIL)) == [(1, 100.0, 2, 101.0, "trailing_stop")]


def test_the_nearer_of_a_fixed_and_a_trailing_stop_is_filled():
    both = replace(FREE, stop_loss=0.05, trailing_stop=0.1)
    early = ohlc(FLAT, (100, 101, 94, 96), FLAT)
    assert fills(run(early, [0], [], both)) == [(1, 100.0, 1, 95.0, "stop_loss")]
    late = ohlc(FLAT, (100, 120, 99, 118), (118, 118, 90, 92), FLAT)
    assert fills(run(late, [0], [], both)) == [(1, 100.0, 2, pytest.approx(108), "trailing_stop")]


def test_of_two_stops_at_one_price_the_fixed_one_is_named():
    both = replace(FREE, stop_loss=0.1, trailing_stop=0.1)
    assert fills(run(ohlc(FLAT, (100, 101, 89, 96), FLAT), [0], [], both)) == [
        (1, 100.0, 1, 90.0, "stop_loss")
    ]


def test_a_target_with_a_trailing_stop_is_relative_to_the_entry():
    settings = replace(TRAIL, take_profit=0.3)
    bars = ohlc(FLAT, (100, 125, 100, 124), (124, 131, 120, 130), FLAT)
    assert fills(run(bars, [0], [], settings)) == [(1, 100.0, 2, 130.0, "take_profit")]


def test_a_new_position_resets_the_best_price():
    bars = ohlc(FLAT, (100, 200, 100, 150), (150, 150, 150, 150), FLAT, (100, 100, 95, 95), FLAT)
    assert fills(run(bars, [0, 3], [1], TRAIL)) == [
        (1, 100.0, 2, 150.0, "signal"),
        (4, 100.0, 5, 100.0, "open"),
    ]


def test_a_level_is_followed_over_hundreds_of_bars():
    rising = [(100.0 + bar, 100.5 + bar, 99.5 + bar, 100.0 + bar) for bar in range(600)]
    top = 100.5 + 599
    bars = ohlc(*rising, (top, top, top * 0.91, top), (top, top, top * 0.89, top))
    assert fills(run(bars, [0], [], TRAIL)) == [
        (1, 101.0, 601, pytest.approx(top * 0.9), "trailing_stop")
    ]
