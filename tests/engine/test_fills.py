"""Which signals are filled, when, at which price and cost: cases computed by hand."""

from dataclasses import replace

import numpy as np
import pytest

from engine.backtest import VectorBTEngine
from engine.settings import BacktestSettings, Window
from tests.bars import DAY, FIRST_DAY, build_bars, history
from tests.engine.cases import FREE, day, fills, run
from tests.engine.planned import Planned

OPENS = [10.0, 11.0, 12.0, 13.0, 14.0, 15.0, 16.0, 15.0, 14.0, 13.0]
CLOSES = [10.5, 11.5, 12.5, 13.5, 14.5, 15.5, 15.0, 14.5, 13.5, 12.5]
TEN_BARS = history(build_bars(OPENS, CLOSES))


def test_a_round_trip_costs_fees_and_slippage_on_both_sides():
    result = run(TEN_BARS, [1], [5], BacktestSettings())
    buy, sell = 12.0 * 1.001, 16.0 * 0.999
    size = 10_000 / (buy * 1.001)
    proceeds = size * sell * 0.999
    trade = result.trades[0]
    assert (trade["entry_idx"], trade["exit_idx"], trade["status"]) == (2, 6, 1)
    assert trade["entry_price"] == pytest.approx(buy)
    assert trade["exit_price"] == pytest.approx(sell)
    assert trade["size"] == pytest.approx(size)
    expected = [10_000, 10_000, *(size * close for close in CLOSES[2:6]), *[proceeds] * 4]
    assert result.equity == pytest.approx(expected)
    assert result.metrics["final_value"] == pytest.approx(proceeds)
    assert result.metrics["total_return"] == pytest.approx(proceeds / 10_000 - 1)
    assert result.metrics["total_fees"] == pytest.approx(size * (buy + sell) * 0.001)


def test_an_open_position_is_marked_at_the_last_close():
    result = run(TEN_BARS, [1], [])
    assert result.metrics["open_trades"] == 1
    assert result.metrics["closed_trades"] == 0
    assert result.metrics["final_value"] == pytest.approx(10_000 / 12.0 * 12.5)
    assert result.trades[0]["status"] == 0
    assert result.trades[0]["exit_idx"] == 9
    assert result.trades[0]["exit_price"] == 12.5
    assert result.metrics["win_rate"] is None
    assert result.undefined["win_rate"] == "no closed trades"


def test_an_entry_and_an_exit_on_the_same_bar_cancel_out():
    assert run(TEN_BARS, [2, 4], [4]).trades["entry_idx"].tolist() == [3]
    assert run(TEN_BARS, [2, 4], [4]).metrics["closed_trades"] == 0
    assert run(TEN_BARS, [4], [4]).metrics["total_trades"] == 0


def test_a_signal_on_the_last_bar_is_not_filled():
    assert run(TEN_BARS, [9], []).metrics["total_trades"] == 0
    assert run(TEN_BARS, [1], [9]).metrics["open_trades"] == 1


def test_duplicate_signals_change_nothing():
    assert (
        run(TEN_BARS, [1, 2, 3], [6, 7]).equity.tolist() == run(TEN_BARS, [1], [6]).equity.tolist()
    )


def test_same_close_fills_at_the_close_of_the_signals_bar():
    result = run(TEN_BARS, [1], [5], replace(FREE, execution="same_close"))
    assert result.settings.execution == "same_close"
    assert result.trades[0]["entry_price"] == 11.5
    assert result.trades[0]["exit_price"] == 15.5


def test_a_gap_fills_at_the_open():
    gap = history(build_bars([10, 10, 20, 20], [10, 10, 20, 20]))
    assert run(gap, [1], []).trades[0]["entry_price"] == 20.0


def test_signals_before_the_window_are_not_traded():
    result = run(TEN_BARS, [2, 4], [], first=4)
    assert result.dates[0] == FIRST_DAY + 4 * DAY
    assert len(result.equity) == 6
    assert result.trades["entry_idx"].tolist() == [1]
    assert result.trades["entry_price"].tolist() == [15.0]
    assert run(TEN_BARS, [3], [], first=4).metrics["total_trades"] == 0


def test_bars_after_the_window_are_not_seen():
    assert run(TEN_BARS, [1], [7], last=5).metrics["final_value"] == pytest.approx(
        10_000 / 12 * 15.5
    )
    assert len(run(TEN_BARS, [1], [7], last=5).dates) == 6


def test_a_flat_price_loses_only_the_costs():
    flat = history(build_bars([10.0] * 5, [10.0] * 5))
    assert run(flat, [0], [2]).metrics["total_return"] == 0.0
    costly = run(flat, [0], [2], BacktestSettings()).metrics["total_return"]
    assert costly == pytest.approx((0.999 / 1.001) ** 2 - 1, abs=1e-12)


def test_a_zero_volume_bar_is_traded_like_any_other():
    bars = replace(TEN_BARS.bars, volume=np.zeros(10))
    silent = run(replace(TEN_BARS, bars=bars), [1], [5])
    assert silent.equity.tolist() == run(TEN_BARS, [1], [5]).equity.tolist()


def test_an_early_end_is_flagged_and_marked_at_the_last_close():
    outcome = VectorBTEngine(FREE).run_batch([TEN_BARS], Planned([1], []), Window(day(0), day(30)))
    assert outcome.results[0].ended_early
    assert [result.last_session for result in outcome.results] == [day(9)]
    assert fills(outcome.results[0]) == [(2, 12.0, 9, 12.5, "open")]
    assert len(outcome.results[0].equity) == 10
    assert not run(TEN_BARS, [1], []).ended_early


def test_a_single_bar_is_a_result_without_a_fill():
    one = build_bars([10.0], [11.0])
    result = run(one, [0], [])
    assert (result.equity.tolist(), fills(result)) == ([10_000.0], [])
    same_close = run(one, [0], [], replace(BacktestSettings(), execution="same_close"))
    # Bought at 11.011 and marked at 11, with the fees paid.
    assert same_close.equity.tolist() == pytest.approx([10_000 / 1.001 / 1.001])
    assert fills(same_close) == [(0, pytest.approx(11.011), 0, 11.0, "open")]


def test_an_exit_and_a_later_entry_are_two_fills():
    assert fills(run(TEN_BARS, [1, 4], [3])) == [
        (2, 12.0, 4, 14.0, "signal"),
        (5, 15.0, 9, 12.5, "open"),
    ]


def test_signals_that_do_not_fit_the_position_change_nothing():
    assert fills(run(TEN_BARS, [2, 3], [0, 1, 5, 7])) == [(3, 13.0, 6, 16.0, "signal")]


def test_profits_are_reinvested():
    result = run(build_bars([10, 10, 20, 20, 20, 30], [10, 20, 20, 20, 20, 30]), [0, 3], [1, 4])
    assert result.trades["size"].tolist() == pytest.approx([1000.0, 1000.0])
    assert result.equity.tolist() == pytest.approx([10_000, 20_000, 20_000, 20_000, 20_000, 30_000])
