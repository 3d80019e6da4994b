"""On random bars, signals and settings the engine trades like the reference."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.backtest import VectorBTEngine
from engine.settings import BacktestSettings, Window
from tests.bars import history, random_bars
from tests.engine.cases import day
from tests.engine.drawn import bars_in_steps, steps
from tests.engine.planned import Planned
from tests.engine.reference import reference
from tests.strategies.examples import examples

FIELDS = ("entry_price", "entry_fees", "exit_price", "exit_fees", "size", "pnl", "return")
WHOLE = ("entry_idx", "exit_idx", "direction", "status")

# Fractions that the steps of 1 % of `bars_in_steps` reach exactly or just miss.
LEVEL = st.sampled_from([None, 0.001, 0.01, 0.02, 0.05, 0.2])
SETTINGS = st.builds(
    BacktestSettings,
    initial_capital=st.sampled_from([10_000.0, 777.0]),
    fees=st.sampled_from([0.0, 0.001, 0.02]),
    slippage=st.sampled_from([0.0, 0.001, 0.02]),
    execution=st.sampled_from(["next_open", "same_close"]),
    direction=st.sampled_from(["long", "short", "both"]),
    stop_loss=LEVEL,
    trailing_stop=LEVEL,
    take_profit=LEVEL,
    require_volume=st.booleans(),
)
DRAWN = st.lists(st.tuples(steps(4), st.integers(0, 3)), min_size=1, max_size=50)
VOLUME = st.lists(st.sampled_from([0.0, 0.0, 100.0]), min_size=50, max_size=50)


def _assert_trades_as_the_reference(bars, entries: np.ndarray, exits: np.ndarray, settings):
    plan = Planned(np.flatnonzero(entries).tolist(), np.flatnonzero(exits).tolist())
    window = Window(day(0), day(len(bars) - 1))
    (result,) = VectorBTEngine(settings).run_batch([history(bars)], plan, window).results
    trades, equity = reference(bars, entries.tolist(), exits.tolist(), settings)
    assert [trade["reason"] for trade in trades] == [
        trade["exit_reason"] for trade in result.as_dict()["trades"]
    ]
    for name in WHOLE:
        assert result.trades[name].tolist() == [trade[name] for trade in trades], name
    for name in FIELDS:
        expected = [trade[name] for trade in trades]
        assert result.trades[name].tolist() == pytest.approx(expected, rel=1e-9, abs=1e-9), name
    assert result.equity.tolist() == pytest.approx(equity, rel=1e-9, abs=1e-9)


@given(drawn=DRAWN, volume=st.just([100.0] * 50) | VOLUME, settings=SETTINGS)
@examples(400)
def test_small_random_cases_agree_with_the_reference(
    drawn: list, volume: list[float], settings: BacktestSettings
):
    signal = np.array([number for _, number in drawn])
    bars = bars_in_steps([bar for bar, _ in drawn])
    bars = replace(bars, volume=np.array(volume[: len(drawn)]))
    _assert_trades_as_the_reference(bars, signal & 1 > 0, signal & 2 > 0, settings)


@given(seed=st.integers(0, 10_000), often=st.sampled_from([0.005, 0.05, 0.3]), settings=SETTINGS)
@examples(40)
def test_long_random_walks_agree_with_the_reference(
    seed: int, often: float, settings: BacktestSettings
):
    # Long enough for positions that are held over hundreds of bars until a level is reached.
    rng = np.random.default_rng(seed)
    entries, exits = rng.random((2, 900)) < [[often], [often / 5]]
    _assert_trades_as_the_reference(random_bars(900, seed), entries, exits, settings)


@given(drawn=DRAWN, settings=SETTINGS)
@examples(60)
def test_stops_that_are_never_reached_change_nothing(drawn: list, settings: BacktestSettings):
    bars = history(bars_in_steps([bar for bar, _ in drawn]))
    signal = np.array([number for _, number in drawn])
    plan = Planned(np.flatnonzero(signal & 1).tolist(), np.flatnonzero(signal & 2).tolist())
    window = Window(day(0), day(len(drawn) - 1))
    none = replace(settings, direction="long", stop_loss=None, trailing_stop=None, take_profit=None)
    wide = replace(none, stop_loss=1 - 1e-12, trailing_stop=1 - 1e-12, take_profit=1e12)
    without, beside = (
        VectorBTEngine(each).run_batch([bars], plan, window).results[0] for each in (none, wide)
    )
    assert beside.trades.tobytes() == without.trades.tobytes()
    assert beside.equity.tobytes() == without.equity.tobytes()
    assert beside.metrics == without.metrics
