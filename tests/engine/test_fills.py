"""What is filled, when, at which price and cost: cases computed by hand."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from engine.backtest import VectorBTEngine
from engine.history import History
from engine.results import BacktestResult
from engine.settings import BacktestSettings, Window
from tests.bars import DAY, FIRST_DAY, bars_of, history
from tests.engine.planned import Planned

OPENS = [10.0, 11.0, 12.0, 13.0, 14.0, 15.0, 16.0, 15.0, 14.0, 13.0]
CLOSES = [10.5, 11.5, 12.5, 13.5, 14.5, 15.5, 15.0, 14.5, 13.5, 12.5]
TEN_BARS = history(bars_of(OPENS, CLOSES))
FREE = BacktestSettings(fees=0.0, slippage=0.0)


def _day(bar: int) -> date:
    return (FIRST_DAY + bar * DAY).astype(date)


def _run(
    entries: list[int],
    exits: list[int],
    settings: BacktestSettings = FREE,
    bars: History = TEN_BARS,
    first: int = 0,
    last: int | None = None,
) -> BacktestResult:
    window = Window(_day(first), _day(len(bars.dates) - 1 if last is None else last))
    outcome = VectorBTEngine(settings).run_batch([bars], Planned(entries, exits), window)
    assert not outcome.failures
    return outcome.results[0]


def test_a_round_trip_costs_fees_and_slippage_on_both_sides():
    result = _run([1], [5], BacktestSettings())
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


def test_an_open_position_is_marked_at_the_last_close_and_reported_as_open():
    result = _run([1], [])
    assert result.metrics["open_trades"] == 1
    assert result.metrics["closed_trades"] == 0
    assert result.metrics["final_value"] == pytest.approx(10_000 / 12.0 * 12.5)
    assert result.trades[0]["status"] == 0
    assert result.trades[0]["exit_idx"] == 9
    assert result.trades[0]["exit_price"] == 12.5
    assert result.metrics["win_rate"] is None
    assert result.undefined["win_rate"] == "no closed trades"


def test_an_entry_and_an_exit_on_the_same_bar_cancel_out():
    assert _run([2, 4], [4]).trades["entry_idx"].tolist() == [3]
    assert _run([2, 4], [4]).metrics["closed_trades"] == 0
    assert _run([4], [4]).metrics["total_trades"] == 0


def test_a_signal_on_the_last_bar_is_not_filled():
    assert _run([9], []).metrics["total_trades"] == 0
    assert _run([1], [9]).metrics["open_trades"] == 1


def test_duplicate_signals_change_nothing():
    assert _run([1, 2, 3], [6, 7]).equity.tolist() == _run([1], [6]).equity.tolist()


def test_same_close_fills_at_the_close_of_the_signals_bar():
    result = _run([1], [5], replace(FREE, execution="same_close"))
    assert result.settings.execution == "same_close"
    assert result.trades[0]["entry_price"] == 11.5
    assert result.trades[0]["exit_price"] == 15.5


def test_a_gap_is_paid_at_the_open_not_at_the_close_before_it():
    gap = history(bars_of([10, 10, 20, 20], [10, 10, 20, 20]))
    assert _run([1], [], bars=gap).trades[0]["entry_price"] == 20.0


def test_signals_before_the_window_are_not_traded_but_warm_indicators_are():
    result = _run([2, 4], [], first=4)
    assert result.dates[0] == FIRST_DAY + 4 * DAY
    assert len(result.equity) == 6
    assert result.trades["entry_idx"].tolist() == [1]
    assert result.trades["entry_price"].tolist() == [15.0]
    assert _run([3], [], first=4).metrics["total_trades"] == 0


def test_bars_after_the_window_are_not_seen():
    assert _run([1], [7], last=5).metrics["final_value"] == pytest.approx(10_000 / 12 * 15.5)
    assert len(_run([1], [7], last=5).dates) == 6


def test_changing_later_bars_never_changes_an_earlier_fill():
    whole = _run([1, 5], [3])
    later = bars_of([*OPENS[:7], 99.0, 1.0, 50.0], [*CLOSES[:7], 1.0, 99.0, 50.0])
    changed = _run([1, 5], [3], bars=history(later))
    assert changed.equity[:7].tolist() == whole.equity[:7].tolist()


def test_a_flat_price_loses_only_the_costs():
    flat = history(bars_of([10.0] * 5, [10.0] * 5))
    assert _run([0], [2], bars=flat).metrics["total_return"] == 0.0
    costly = _run([0], [2], BacktestSettings(), bars=flat).metrics["total_return"]
    assert costly == pytest.approx((0.999 / 1.001) ** 2 - 1, abs=1e-12)


def test_a_zero_volume_bar_is_traded_like_any_other():
    bars = replace(TEN_BARS.bars, volume=np.zeros(10))
    silent = _run([1], [5], bars=replace(TEN_BARS, bars=bars))
    assert silent.equity.tolist() == _run([1], [5]).equity.tolist()


def test_a_symbol_whose_bars_stop_before_the_window_is_flagged():
    outcome = VectorBTEngine(FREE).run_batch(
        [TEN_BARS], Planned([1], []), Window(_day(0), _day(30))
    )
    assert outcome.results[0].ended_early
    assert not _run([1], []).ended_early
