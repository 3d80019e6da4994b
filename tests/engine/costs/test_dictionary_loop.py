"""On random bars, signals and costs the engine trades like a dictionary that is walked by bars."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.backtest import VectorBTEngine
from engine.history import History
from engine.settings import BacktestSettings, Window
from research.audit.integrity import count_dropped_signals, measure_imbalance
from tests.bars import DAY, FIRST_DAY, history
from tests.engine.cases import day
from tests.engine.costs.dictionary_loop import trade_by_dictionary
from tests.engine.drawn import bars_in_steps, steps
from tests.engine.planned import Planned
from tests.strategies.examples import examples

WHOLE = ("entry_idx", "exit_idx", "direction", "status")
FIELDS = ("entry_price", "entry_fees", "exit_price", "exit_fees", "size", "pnl", "return")
CLOSE: dict[str, Any] = {"rel": 1e-9, "abs": 1e-7}

PARTS = {
    "percentage": st.fixed_dictionaries({"rate": st.sampled_from([0.0, 0.001, 0.02])}),
    "per_share": st.fixed_dictionaries(
        {"rate": st.sampled_from([0.0, 0.005, 0.3])},
        optional={
            "minimum": st.sampled_from([0.0, 1.0, 50.0]),
            "maximum": st.sampled_from([0.001, 0.01]),
        },
    ),
    "per_order": st.fixed_dictionaries({"amount": st.sampled_from([0.0, 3.0, 900.0])}),
    "half_spread": st.sampled_from(
        [{"basis_points": 2.0}, {"basis_points": 150, "multiple": 2.0}, {"column": "half_spread"}]
    ),
    "slippage": st.fixed_dictionaries({"fraction": st.sampled_from([0.0, 0.001, 0.05])}),
    "square_root_impact": st.fixed_dictionaries(
        {},
        optional={
            "coefficient": st.sampled_from([0.0, 0.5, 1.0, 3.0, 60.0]),
            "volume_share": st.sampled_from([0.01, 0.1, 0.5]),
        },
    ),
    "borrow": st.fixed_dictionaries({"rate": st.sampled_from([0.0, 0.03, 2.0])}),
    "cash_interest": st.sampled_from(
        [{"rate": 0.04}, {"rate": -0.01}, {"rates": {"2021-01-01": 0.5, "2021-01-20": 0.02}}]
    ),
    "lots": st.fixed_dictionaries({}, optional={"size": st.sampled_from([0.001, 1, 7])}),
}


@st.composite
def compositions(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Draw some of the models, each with its numbers."""
    names = draw(st.lists(st.sampled_from(sorted(PARTS)), min_size=1, max_size=6, unique=True))
    return [{"model": name, **draw(PARTS[name])} for name in names]


LEVEL = st.sampled_from([None, None, 0.01, 0.02, 0.05])
SETTINGS = st.builds(
    BacktestSettings,
    initial_capital=st.sampled_from([10_000.0, 777.0, 1_000_000.0]),
    execution=st.sampled_from(["next_open", "same_close"]),
    direction=st.sampled_from(["long", "short", "both"]),
    stop_loss=LEVEL,
    trailing_stop=LEVEL,
    take_profit=LEVEL,
    require_volume=st.just(False),
    costs=compositions(),
)
DRAWN = st.lists(
    st.tuples(steps(4), st.integers(0, 3), st.sampled_from([0.0, 50.0, 1e3, 1e5, 1e7])),
    min_size=1,
    max_size=50,
)


def _build_history(drawn: list) -> History:
    bars = bars_in_steps([bar for bar, _, _ in drawn])
    bars = replace(bars, volume=np.array([volume for _, _, volume in drawn]))
    # Weekends: rates accrue by calendar days.
    number = np.arange(len(drawn))
    dates = FIRST_DAY + (number + 2 * (number // 5)) * DAY
    spread = np.float64(0.0001) * (1.0 + number % 7)
    return History("TEST", dates, bars, half_spread=spread)


def _run(given_: History, entries: np.ndarray, exits: np.ndarray, settings: BacktestSettings):
    plan = Planned(np.flatnonzero(entries).tolist(), np.flatnonzero(exits).tolist())
    window = Window(given_.dates[0], given_.dates[-1])
    outcome = VectorBTEngine(settings).run_batch([given_], plan, window)
    assert not outcome.failures
    return outcome.results[0]


@given(drawn=DRAWN, settings=SETTINGS)
@examples(500)
def test_random_costs_agree_with_the_dictionary(drawn: list, settings: BacktestSettings):
    signal = np.array([number for _, number, _ in drawn])
    entries, exits = signal & 1 > 0, signal & 2 > 0
    bars = _build_history(drawn)
    result = _run(bars, entries, exits, settings)
    trades, equity, account = trade_by_dictionary(
        bars, entries.tolist(), exits.tolist(), settings.as_dict()
    )
    told = result.as_dict()["trades"]
    assert [one["exit_reason"] for one in told] == [one["reason"] for one in trades]
    for name in WHOLE:
        assert result.trades[name].tolist() == [one[name] for one in trades], name
    for name in FIELDS:
        expected = [one[name] for one in trades]
        assert result.trades[name].tolist() == pytest.approx(expected, **CLOSE), name
    assert result.equity.tolist() == pytest.approx(equity, **CLOSE)
    measured = result.metrics
    assert measured["total_interest"] == pytest.approx(account["interest"], **CLOSE)
    assert measured["total_borrow_fees"] == pytest.approx(account["borrow_fees"], **CLOSE)
    assert measured["total_slippage"] == pytest.approx(account["slippage"], **CLOSE)
    assert measured["unfilled_orders"] == account["unfilled"]
    if measured["turnover"] is not None:
        yearly = measured["turnover"] * len(equity) / 252 * np.mean(equity)
        assert yearly == pytest.approx(account["traded"], **CLOSE)
    # Accounts balance, and no signal is lost that is not counted.
    assert measure_imbalance(result) == 0.0
    assert count_dropped_signals(result, bars) == 0


@given(drawn=DRAWN, settings=SETTINGS)
@examples(100)
def test_costs_are_the_same_alone_and_in_a_batch(drawn: list, settings: BacktestSettings):
    signal = np.array([number for _, number, _ in drawn])
    bars = _build_history(drawn)
    plan = Planned(np.flatnonzero(signal & 1).tolist(), np.flatnonzero(signal & 2).tolist())
    other = replace(bars, symbol="OTHER", bars=replace(bars.bars, volume=bars.bars.volume + 1e3))
    window = Window(bars.dates[0], bars.dates[-1])
    engine = VectorBTEngine(settings)
    alone = engine.run_batch([bars], plan, window).results[0]
    beside = engine.run_batch([other, bars], [Planned([0], []), plan], window).results[3]
    assert beside.trades.tobytes() == alone.trades.tobytes()
    assert beside.equity.tobytes() == alone.equity.tobytes()
    assert beside.metrics == alone.metrics


@given(
    drawn=DRAWN,
    fees=st.sampled_from([0.0, 0.001, 0.02]),
    slippage=st.sampled_from([0.0, 0.001, 0.05]),
    settings=SETTINGS,
)
@examples(150)
def test_percentages_bar_by_bar_are_those_at_once(
    drawn: list, fees: float, slippage: float, settings: BacktestSettings
):
    signal = np.array([number for _, number, _ in drawn])
    bars = history(bars_in_steps([bar for bar, _, _ in drawn]))
    at_once = replace(settings, costs=None, fees=fees, slippage=slippage)
    composed = replace(
        settings,
        costs=[
            {"model": "percentage", "rate": fees},
            {"model": "slippage", "fraction": slippage},
        ],
    )
    plan = Planned(np.flatnonzero(signal & 1).tolist(), np.flatnonzero(signal & 2).tolist())
    window = Window(day(0), day(len(drawn) - 1))
    one, other = (
        VectorBTEngine(each).run_batch([bars], plan, window).results[0]
        for each in (at_once, composed)
    )
    for name in one.trades.dtype.names or ():
        np.testing.assert_allclose(other.trades[name], one.trades[name], 1e-9, 1e-9)
    np.testing.assert_allclose(other.equity, one.equity, 1e-9, 1e-9)
    for name, value in one.metrics.items():
        assert (value is None) == (other.metrics[name] is None), name
