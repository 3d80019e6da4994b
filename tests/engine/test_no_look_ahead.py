"""Later bars never change an earlier fill or equity value, whatever strategy and settings."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.backtest import VectorBTEngine
from engine.results import BacktestResult
from engine.settings import BacktestSettings, Window
from strategies.base import Bars, Strategy
from strategies.registry import registered_strategies
from tests.bars import history, random_bars
from tests.engine.cases import day
from tests.strategies.examples import examples
from tests.strategies.look_ahead import CHANGES, PEEKING, NextClose, changed_from

NAMES = sorted(registered_strategies())
BARS = 200
WITH_STOPS = BacktestSettings(stop_loss=0.03, trailing_stop=0.05, take_profit=0.06)
SETTINGS = [
    replace(settings, direction=direction, execution=execution)
    for settings in (BacktestSettings(), WITH_STOPS)
    for direction in ("long", "short", "both")
    for execution in ("next_open", "same_close")
]
VOLUMES = {
    "full": np.ones(BARS),
    "suspended": np.arange(BARS) % 7 > 2,
    "late": np.arange(BARS) > BARS // 2,
}
"""On which bars there is volume."""

OF_ENTRY = ["entry_idx", "entry_price", "entry_fees", "size", "direction"]


def _run(bars: Bars, strategy: Strategy, settings: BacktestSettings) -> BacktestResult:
    window = Window(day(0), day(len(bars) - 1))
    return VectorBTEngine(settings).run_batch([history(bars)], strategy, window).results[0]


def _assert_same_past(
    strategy: Strategy, bars: Bars, start: int, change: str, settings: BacktestSettings
) -> None:
    whole = _run(bars, strategy, settings)
    other = _run(changed_from(bars, start, change), strategy, settings)
    np.testing.assert_array_equal(other.equity[:start], whole.equity[:start])
    entered, closed = (
        [result.trades[result.trades[field] < start] for result in (whole, other)]
        for field in ("entry_idx", "exit_idx")
    )
    np.testing.assert_array_equal(entered[0][OF_ENTRY], entered[1][OF_ENTRY])
    np.testing.assert_array_equal(closed[0], closed[1])


@pytest.mark.parametrize("name", NAMES)
@given(
    seed=st.integers(0, 1000),
    start=st.integers(1, BARS - 1),
    change=st.sampled_from(sorted(CHANGES)),
    settings=st.sampled_from(SETTINGS),
    volume=st.sampled_from(sorted(VOLUMES)),
)
@examples(25)
def test_later_bars_never_change_an_earlier_fill(
    name: str, seed: int, start: int, change: str, settings: BacktestSettings, volume: str
):
    strategy, bars = registered_strategies()[name](), random_bars(BARS, seed)
    bars = replace(bars, volume=bars.volume * VOLUMES[volume])
    _assert_same_past(strategy, bars, start, change, settings)


def _assert_fills_ignore_later_prices(strategy: Strategy, bars: Bars, bar: int) -> None:
    """Assert that fills up to the open of a bar do not depend on prices after that open."""
    other = changed_from(bars, bar, "spike")
    other.open[bar] = bars.open[bar]
    whole, changed = (_run(given, strategy, BacktestSettings()) for given in (bars, other))
    entered, closed = (
        [
            result.trades[(result.trades[field] <= bar) & (result.trades["status"] >= closed)]
            for result in (whole, changed)
        ]
        for field, closed in (("entry_idx", 0), ("exit_idx", 1))
    )
    np.testing.assert_array_equal(entered[0][OF_ENTRY], entered[1][OF_ENTRY])
    np.testing.assert_array_equal(closed[0], closed[1])


@pytest.mark.parametrize("name", NAMES)
@given(seed=st.integers(0, 1000), bar=st.integers(1, BARS - 1))
@examples(25)
def test_prices_after_an_open_never_change_its_fill(name: str, seed: int, bar: int):
    _assert_fills_ignore_later_prices(registered_strategies()[name](), random_bars(BARS, seed), bar)


def test_the_check_of_the_open_detects_a_strategy_that_peeks():
    def caught(bar: int) -> bool:
        try:
            _assert_fills_ignore_later_prices(NextClose(), random_bars(BARS), bar)
        except AssertionError:
            return True
        return False

    assert any(caught(bar) for bar in range(1, BARS))


@pytest.mark.parametrize("peeking", PEEKING)
def test_the_check_of_later_bars_detects_a_strategy_that_peeks(peeking: type[Strategy]):
    def caught(start: int, change: str) -> bool:
        try:
            bars = random_bars(BARS)
            # At the close: with `next_open` a peek of one bar would not change a fill.
            settings = BacktestSettings(execution="same_close")
            _assert_same_past(peeking(), bars, start, change, settings)
        except AssertionError:
            return True
        return False

    assert any(caught(start, change) for start in range(5, BARS, 5) for change in CHANGES)


def test_bars_after_the_window_change_nothing():
    bars = random_bars(BARS)
    window = Window(day(0), day(120))
    for name in NAMES:
        strategy = registered_strategies()[name]()
        first, second = (
            VectorBTEngine().run_batch([history(given)], strategy, window).results[0]
            for given in (bars, changed_from(bars, 121, "spike"))
        )
        assert first.equity.tobytes() == second.equity.tobytes()
        assert first.metrics == second.metrics
