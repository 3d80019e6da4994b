"""Stops of a short position: each rule of a long one, mirrored."""

from dataclasses import replace

import pytest

from engine.settings import BacktestSettings
from tests.bars import ohlc
from tests.engine.cases import FREE, fills, run

# Sold short at the open of bar 1 at 100: stop at 110, target at 80.
STOP = replace(FREE, direction="short", stop_loss=0.1)
BOTH = replace(STOP, take_profit=0.2)
TRAIL = replace(FREE, direction="short", trailing_stop=0.1)
QUIET = (100.0, 105.0, 95.0, 100.0)


@pytest.mark.parametrize(
    ("bar", "price", "reason"),
    [
        pytest.param((100, 111, 99, 101), 110.0, "stop_loss", id="stop within the bar"),
        pytest.param((120, 125, 108, 109), 120.0, "stop_loss", id="gap through the stop"),
        pytest.param((90, 92, 79, 88), 80.0, "take_profit", id="target within the bar"),
        pytest.param((70, 75, 65, 74), 70.0, "take_profit", id="gap through the target"),
        pytest.param((100, 115, 75, 90), 110.0, "stop_loss", id="both within the bar"),
        pytest.param((75, 115, 74, 90), 75.0, "take_profit", id="gap to the target, then stop"),
    ],
)
def test_the_level_that_a_bar_reaches_first_is_filled(bar, price: float, reason: str):
    bars = ohlc(QUIET, QUIET, bar, QUIET)
    ((*_, exit_bar, filled, why),) = fills(run(bars, [], [0], BOTH))
    assert (exit_bar, filled, why) == (2, pytest.approx(price), reason)
    on_entry = ohlc(QUIET, (100, *bar[1:]), QUIET)
    within = {"take_profit": 80.0, "stop_loss": 110.0}["stop_loss" if bar[1] >= 110 else reason]
    ((_, entry, exit_bar, filled, _),) = fills(run(on_entry, [], [0], BOTH))
    assert (entry, exit_bar, filled) == (100.0, 1, pytest.approx(within))


def test_a_stopped_short_pays_slippage_above_the_level():
    settings = BacktestSettings(direction="short", stop_loss=0.1)
    result = run(ohlc(QUIET, QUIET, (100, 112, 99, 101), QUIET), [], [0], settings)
    received = 100.0 * 0.999
    paid = received * 1.1 * 1.001
    size = 10_000 / (received * 1.001)
    profit = size * (received - paid) - size * (received + paid) * 0.001
    assert result.trades["entry_price"][0] == pytest.approx(received)
    assert result.trades["exit_price"][0] == pytest.approx(paid)
    assert result.metrics["final_value"] == pytest.approx(10_000 + profit)


def test_a_covering_signal_at_the_open_precedes_the_bars_stop():
    bars = ohlc(QUIET, QUIET, QUIET, (105, 120, 104, 115), QUIET)
    assert fills(run(bars, [2], [0], STOP)) == [(1, 100.0, 3, 105.0, "signal")]


def test_with_same_close_the_stop_precedes_the_signal():
    settings = replace(STOP, execution="same_close")
    bars = ohlc((100, 150, 50, 100), (100, 111, 99, 101), QUIET)
    assert fills(run(bars, [1], [0], settings)) == [(0, 100.0, 1, pytest.approx(110), "stop_loss")]


def test_the_trailing_level_follows_earlier_lows():
    bars = ohlc(QUIET, (100, 100, 80, 90), (85, 87, 82, 86), (86, 89, 85, 88), QUIET)
    assert fills(run(bars, [], [0], TRAIL)) == [(1, 100.0, 3, pytest.approx(88), "trailing_stop")]


def test_the_nearer_of_two_stops_is_filled():
    settings = replace(TRAIL, stop_loss=0.05)
    early = ohlc(QUIET, (100, 106, 99, 100), QUIET)
    assert fills(run(early, [], [0], settings)) == [(1, 100.0, 1, 105.0, "stop_loss")]
    late = ohlc(QUIET, (100, 100, 80, 82), (82, 89, 82, 85), QUIET)
    assert fills(run(late, [], [0], settings)) == [
        (1, 100.0, 2, pytest.approx(88), "trailing_stop")
    ]


def test_a_persistent_sell_signal_sells_again_after_a_stop():
    bars = ohlc(QUIET, QUIET, (100, 111, 99, 101), (102, 103, 101, 102), QUIET)
    assert fills(run(bars, [], [0, 1, 2], STOP)) == [
        (1, 100.0, 2, pytest.approx(110), "stop_loss"),
        (3, 102.0, 4, 100.0, "open"),
    ]


def test_with_reversals_each_direction_has_its_stop():
    settings = replace(FREE, direction="both", stop_loss=0.1)
    bars = ohlc(QUIET, QUIET, QUIET, (100, 111, 99, 101), (100, 102, 89, 91), QUIET)
    # Long from bar 1; turned short on bar 2 and stopped on bar 3; long on bar 4 and stopped there.
    result = run(bars, [0, 3], [1], settings)
    assert fills(result) == [
        (1, 100.0, 2, 100.0, "signal"),
        (2, 100.0, 3, pytest.approx(110), "stop_loss"),
        (4, 100.0, 4, 90.0, "stop_loss"),
    ]
    assert result.trades["direction"].tolist() == [0, 1, 0]
