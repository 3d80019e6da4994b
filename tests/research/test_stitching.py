"""Stitched curves: the same bits in any company, on the days of ragged symbols."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from engine.backtest import VectorBTEngine
from engine.history import History
from engine.settings import BacktestSettings, Window
from research.stitching import Plan, stitch
from research.universe_curves import UniverseCurves
from strategies.bollinger import Bollinger
from strategies.momentum import Momentum
from strategies.sma_cross import SmaCross
from tests.bars import random_history
from tests.engine.pool import BUDGETS, POOL, SETTINGS, UNIVERSE, WINDOW

STARTS = np.array(["2021-07-01", "2021-09-01", "2022-03-01"], "datetime64[D]")
PLANS = [
    [Momentum(10, 0.02), Momentum(30, 0.05), Momentum(30, 0.05)],
    [SmaCross(5, 20), SmaCross(10, 20), SmaCross(5, 20)],
    [Bollinger(), Bollinger(10), Bollinger()],
]


def _without(history: History, day: np.datetime64) -> History:
    """Return the history without the bar of a day."""
    kept = history.dates != day
    names = history.bars.__dataclass_fields__
    bars = {name: getattr(history.bars, name)[kept] for name in names}
    return replace(history, dates=history.dates[kept], bars=replace(history.bars, **bars))


# One has no bar on the day before a fold, another none on its first day.
RAGGED = [*POOL, _without(random_history("B", 700, 3), STARTS[1] - 1)]
RAGGED += [_without(random_history("F", 700, 4), STARTS[1])]


def _stitch(
    plans: Sequence[Plan], histories: Sequence[History], engine: VectorBTEngine
) -> UniverseCurves:
    return stitch(plans, STARTS, histories, WINDOW, engine, UNIVERSE)[0]


@pytest.mark.parametrize("settings", SETTINGS)
def test_a_plan_has_the_same_bits_alone_and_among_others(settings: BacktestSettings):
    whole = _stitch(PLANS, RAGGED, VectorBTEngine(settings))
    assert (whole.activity > 0.1).all()
    for budget in BUDGETS[:3]:
        parts = _stitch(PLANS, RAGGED, VectorBTEngine(settings, memory_budget=budget))
        for name in ("returns", "activity", "symbols"):
            assert getattr(parts, name).tobytes() == getattr(whole, name).tobytes()
    for number, plan in enumerate(PLANS):
        alone = _stitch([plan], RAGGED, VectorBTEngine(settings))
        assert alone.returns[0].tobytes() == whole.returns[number].tobytes()
        assert alone.activity[0] == whole.activity[number]


def test_a_curve_is_the_mean_of_its_symbols_alone():
    engine = VectorBTEngine()
    few = [history for history in RAGGED if len(history.dates) > 600]
    whole = _stitch(PLANS, few, engine)
    each = [_stitch(PLANS, [history], engine) for history in few]
    mean = np.mean([one.returns for one in each], axis=0)
    np.testing.assert_allclose(whole.returns, mean, atol=1e-15)
    activity = np.mean([one.activity for one in each], axis=0)
    assert whole.activity.tolist() == pytest.approx(activity.tolist())
    traded = each[0].returns[:, each[0].dates >= STARTS[0]] != 0.0
    assert each[0].activity.tolist() == pytest.approx(traded.mean(axis=1).tolist())
    assert not whole.returns[:, whole.dates < STARTS[0]].any()


def test_with_stops_each_symbol_has_its_own_half_spreads():
    few = [history for history in RAGGED if len(history.dates) > 600][:3]
    column = [{"model": "half_spread", "column": "half_spread"}]
    stops = BacktestSettings(costs=column, stop_loss=0.05)
    size = {history.symbol: 150 * (1 + number) for number, history in enumerate(few)}
    spread = [
        replace(one, half_spread=np.full(len(one.dates), size[one.symbol] * 1e-4)) for one in few
    ]
    whole = _stitch(PLANS, spread, VectorBTEngine(stops))
    each = []
    for one in few:
        costs = [{"model": "half_spread", "basis_points": size[one.symbol]}]
        each.append(_stitch(PLANS, [one], VectorBTEngine(replace(stops, costs=costs))))
    mean = np.mean([one.returns for one in each], axis=0)
    np.testing.assert_allclose(whole.returns, mean, atol=1e-15)


def test_a_symbol_that_cannot_be_tested_is_a_failure():
    late, starts = Window(date(2022, 8, 1), WINDOW.end), STARTS + 400
    engine = VectorBTEngine()
    curves, failures = stitch([PLANS[0]], starts, POOL, late, engine, UNIVERSE)
    assert [one.symbol for one in failures] == [f"S{n}" for n in range(9)]
    assert curves.symbols.tolist() == [1]
