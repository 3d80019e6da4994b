"""A sweep of several strategies in one pass gives what each point gives alone."""

from dataclasses import replace

import numpy as np

from engine.backtest import VectorBTEngine
from engine.equal_weight import EqualWeight
from engine.settings import Window
from research.sweep_spec import build_points
from research.universe_curves import compute_universe_curves
from research.universe_sweep import MEASURED, UniverseSweep
from strategies.base import Strategy
from tests.bars import DAY, random_history
from tests.engine.cases import day
from tests.research.refusing import Refusing

HISTORIES = [random_history(f"S{n}", bars, n) for n, bars in enumerate((160, 160, 50, 90, 160))]
HISTORIES[3] = replace(HISTORIES[3], dates=HISTORIES[3].dates + 60 * DAY)
WINDOW = Window(day(40), day(159))
UNIVERSE = EqualWeight.of(HISTORIES, WINDOW)
POINTS: dict[str, list[Strategy]] = {
    "rsi": build_points("rsi", {"period": [7, 14], "oversold": [30, 45]}).strategies,
    "refusing": [Refusing(bars) for bars in (49, 50, 90)],
    "sma_cross": build_points("sma_cross", points=9).strategies,
}


def test_each_point_has_the_metrics_and_curve_it_has_alone():
    for budget in (50_000, 32_000_000):
        engine = VectorBTEngine(memory_budget=budget)
        sweep = UniverseSweep(POINTS, engine, WINDOW, UNIVERSE)
        parts = list(sweep.run(iter(HISTORIES)))
        assert (len(parts) > 1) == (budget < 1_000_000)
        for name, points in POINTS.items():
            rows = {
                (part[name].symbols[symbol], int(point)): [
                    part[name].columns[metric][row] for metric in MEASURED
                ]
                for part in parts
                for row, (symbol, point) in enumerate(
                    zip(part[name].symbol, part[name].point, strict=True)
                )
            }
            alone = VectorBTEngine().run_batch(HISTORIES, points, WINDOW, UNIVERSE)
            expected = {
                (one.symbol, points.index(one.strategy)): [
                    np.nan if one.metrics[metric] is None else one.metrics[metric]
                    for metric in MEASURED
                ]
                for one in alone.results
            }
            assert list(rows) == list(expected)
            np.testing.assert_array_equal([*rows.values()], [*expected.values()])
            outcomes = engine.run_batches(HISTORIES, points, WINDOW)
            one_by_one = compute_universe_curves(outcomes, points, WINDOW, UNIVERSE)
            swept = sweep.curves()[name]
            for what in ("dates", "returns", "activity", "symbols", "market"):
                assert np.array_equal(getattr(swept, what), getattr(one_by_one, what)), what
        failed = [(one.symbol, one.strategy) for one in sweep.failures]
        assert failed == [("S2", "refusing"), ("S3", "refusing")]
