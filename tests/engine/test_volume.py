"""Nothing is filled on a bar without volume: orders wait for the next bar with volume."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from engine.settings import BacktestSettings
from research.audit.integrity import count_dropped_signals
from strategies.base import Bars
from tests.bars import history
from tests.engine.cases import FREE, fills, run

OPENS = [100.0, 101.0, 102.0, 103.0, 104.0, 105.0]
FLAT = np.array(OPENS)
NO_LEVELS = Bars(FLAT, FLAT + 2.0, FLAT - 2.0, FLAT + 0.5, np.ones(6))


def _bars(volume: Sequence[float]) -> Bars:
    return replace(NO_LEVELS, volume=np.array(volume, dtype=float))


def test_an_order_fills_at_the_next_open_with_volume():
    result = run(_bars([1, 0, 0, 1, 0, 1]), [0], [3])
    assert fills(result) == [(3, 103.0, 5, 105.0, "signal")]


def test_an_order_fills_at_the_next_close_with_volume():
    settings = replace(FREE, execution="same_close")
    result = run(_bars([1, 0, 0, 1, 0, 1]), [1], [4], settings)
    assert fills(result) == [(3, 103.5, 5, 105.5, "signal")]


def test_of_several_orders_that_wait_the_last_counts():
    volume = [1, 0, 0, 0, 1, 1]
    assert fills(run(_bars(volume), [0, 2], [1])) == [(4, 104.0, 5, 105.5, "open")]
    assert fills(run(_bars(volume), [0], [1])) == []


def test_an_order_after_the_last_volume_is_not_filled():
    assert fills(run(_bars([1, 1, 1, 0, 0, 0]), [2], [])) == []
    assert fills(run(_bars([1, 1, 1, 0, 0, 0]), [0], [2])) == [(1, 101.0, 5, 105.5, "open")]


def test_fills_that_waited_are_counted():
    assert run(_bars([1, 0, 0, 1, 0, 1]), [0], [3]).metrics["delayed_fills"] == 2
    assert run(_bars([1, 1, 0, 1, 0, 1]), [0], [3]).metrics["delayed_fills"] == 1
    assert run(_bars([1, 0, 0, 1, 1, 1]), [2], [3]).metrics["delayed_fills"] == 0
    both = replace(FREE, direction="both")
    assert run(_bars([1, 1, 0, 0, 1, 1]), [0], [2], both).metrics["delayed_fills"] == 2
    ignored = replace(FREE, require_volume=False)
    assert run(_bars([1, 0, 0, 1, 0, 1]), [0], [3], ignored).metrics["delayed_fills"] == 0


def test_an_exit_over_several_bars_has_waited_once_or_not_at_all():
    capped = BacktestSettings(costs=[{"model": "square_root_impact", "coefficient": 0}])
    # 99 shares are bought, and 60 and 39 of them sold: after a bar without volume, or on time.
    waited = run(_bars([1e5, 1e5, 1e5, 0, 600, 600]), [0], [2], capped)
    on_time = run(_bars([1e5, 1e5, 600, 0, 600, 600]), [0], [1, 2], capped)
    assert [one.trades["exit_idx"].tolist() for one in (waited, on_time)] == [[5], [4]]
    assert [one.metrics["delayed_fills"] for one in (waited, on_time)] == [1, 0]


@pytest.mark.parametrize(
    ("volume", "settings"),
    [([0] * 6, FREE), ([1, 0, 0, 1, 0, 1], replace(FREE, require_volume=False))],
    ids=["no volume on any bar", "turned off"],
)
def test_bars_without_volume_fill_where_it_is_not_required(
    volume: Sequence[float], settings: BacktestSettings
):
    assert fills(run(_bars(volume), [0], [3], settings)) == [(1, 101.0, 4, 104.0, "signal")]


def test_volume_before_the_window_shows_that_the_feed_has_volume():
    assert fills(run(_bars([1, 0, 0, 0, 0, 1]), [1], [], first=1)) == [(4, 105.0, 4, 105.5, "open")]


def test_volume_that_comes_later_decides_no_earlier_fill():
    late = [0, 0, 0, 0, 1, 0]
    assert fills(run(_bars(late), [0], [3])) == [(1, 101.0, 4, 104.0, "signal")]
    assert fills(run(_bars(late), [4], [])) == []


@pytest.mark.parametrize("level", ["stop_loss", "trailing_stop"])
def test_a_stop_passed_without_volume_fills_at_the_next_open(level: str):
    opens = np.array([100.0, 100.0, 100.0, 80.0, 70.0, 70.0])
    volume = np.array([1.0, 1.0, 1.0, 0.0, 1.0, 1.0])
    bars = Bars(opens, opens, opens, opens, volume)
    settings = replace(FREE, **{level: 0.1})
    assert fills(run(bars, [0], [], settings)) == [(1, 100.0, 4, 70.0, level)]


def test_a_high_without_volume_moves_no_trailing_stop():
    close = np.array([100.0, 100.0, 100.0, 95.0, 95.0])
    high = np.array([100.0, 100.0, 200.0, 95.0, 95.0])
    bars = Bars(close, high, close, close, np.array([1.0, 1.0, 0.0, 1.0, 1.0]))
    settings = replace(FREE, trailing_stop=0.1)
    assert fills(run(bars, [0], [], settings)) == [(1, 100.0, 4, 95.0, "open")]


@pytest.mark.parametrize("direction", ["long", "short", "both"])
@pytest.mark.parametrize("execution", ["next_open", "same_close"])
def test_the_audit_expects_orders_to_wait(direction: str, execution: str):
    rng = np.random.default_rng(5)
    bars = replace(NO_LEVELS, **{n: np.tile(getattr(NO_LEVELS, n), 20) for n in vars(NO_LEVELS)})
    bars = replace(bars, volume=rng.integers(0, 2, 120).astype(float))
    entries, exits = (np.flatnonzero(rng.random(120) < 0.2).tolist() for _ in range(2))
    settings = replace(FREE, direction=direction, execution=execution)
    result = run(bars, entries, exits, settings)
    assert len(result.trades)
    assert count_dropped_signals(result, history(bars)) == 0
    at_once = replace(result, settings=replace(settings, require_volume=False))
    assert count_dropped_signals(at_once, history(bars)) > 0
