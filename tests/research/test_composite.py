"""Composites: by hand, and at every bar on the side of the point whose fold it is."""

from dataclasses import replace
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.backtest import VectorBTEngine
from engine.errors import UnusableBarsError
from engine.results import BacktestResult
from engine.settings import BacktestSettings, Direction, Execution, Window
from research.composite import Composite
from strategies.base import Bars, Floats, Ints, Strategy
from strategies.sma_cross import SmaCross
from tests.bars import build_bars, history, ohlc, random_bars
from tests.engine.cases import FREE, day, fills
from tests.engine.planned import Planned
from tests.strategies.examples import examples
from tests.strategies.learning import regime_bars


class Script(Planned):
    """A plan that is another point than every other plan."""

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)


def _run(bars: Bars, strategy: Strategy, settings: BacktestSettings, first: int) -> BacktestResult:
    window = Window(day(first), day(len(bars) - 1))
    outcome = VectorBTEngine(settings).run_batch([history(bars)], strategy, window)
    assert not outcome.failures
    return outcome.results[0]


def _sides(result: BacktestResult) -> Ints:
    """Return the side at each close."""
    sides = np.zeros(len(result.equity), dtype=np.int64)
    for trade in result.trades:
        end = trade["exit_idx"] if trade["status"] == 1 else len(sides)
        sides[trade["entry_idx"] : end] = -1 if trade["direction"] else 1
    return sides


RISING = build_bars([100.0 + bar for bar in range(10)], [100.5 + bar for bar in range(10)])


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        # Both hold: one position, bought once. Who takes over sells it.
        (([1], []), ([2], [7]), [(2, 102.0, 8, 108.0, "signal")]),
        # Only who leaves holds: sold at the first open of the fold.
        (([1], []), ([], []), [(2, 102.0, 5, 105.0, "signal")]),
        (([1], []), ([1], [3]), [(2, 102.0, 5, 105.0, "signal")]),
        # Only who takes over holds: bought there.
        (([], []), ([2], []), [(5, 105.0, 9, 109.5, "open")]),
        (([1], [2]), ([2], []), [(2, 102.0, 3, 103.0, "signal"), (5, 105.0, 9, 109.5, "open")]),
        # The last training bar's signal is that of who takes over.
        (([4], []), ([], []), []),
        (([1], [4]), ([4], []), [(2, 102.0, 9, 109.5, "open")]),
        # What was held before the window counts for nothing: it is not traded.
        (([], []), ([0], []), []),
    ],
)  # fmt: skip
def test_who_takes_over_adopts_its_own_position(before: Any, after: Any, expected: list[Any]):
    points = (Script(*before), Script(*after))
    composite = Composite(points, (1, 5), 1, FREE)
    result = _run(RISING, composite, FREE, first=1)
    found = [(entry + 1, paid, left + 1, got, why) for entry, paid, left, got, why in fills(result)]
    assert found == expected


def test_a_kept_position_costs_once():
    costly = BacktestSettings(fees=0.01, slippage=0.0)
    composite = Composite((Script([1], []), Script([2], [7])), (0, 5), 0, costly)
    alone = _run(RISING, Script([1], [7]), costly, first=0)
    stitched = _run(RISING, composite, costly, first=0)
    assert stitched.equity.tobytes() == alone.equity.tobytes()
    assert stitched.trades.tobytes() == alone.trades.tobytes()


def test_nothing_is_traded_before_the_first_fold():
    result = _run(RISING, Composite((Script([1, 3], []),), (5,), 0, FREE), FREE, first=0)
    assert fills(result) == [(5, 105.0, 9, 109.5, "open")]
    assert result.equity[:5].tolist() == [10_000.0] * 5


_Signals = st.lists(st.integers(0, 59), max_size=12)
_Point = st.tuples(_Signals, _Signals)


@examples(150)
@given(st.data())
def test_every_fold_is_on_the_side_of_its_point(data: st.DataObject):
    direction = data.draw(st.sampled_from(get_args(Direction)))
    execution = data.draw(st.sampled_from(get_args(Execution)))
    settings = BacktestSettings(direction=direction, execution=execution)
    first = data.draw(st.integers(0, 10))
    starts = tuple(sorted(data.draw(st.lists(st.integers(first, 60), min_size=1, max_size=4))))
    plans = [data.draw(_Point) for _ in starts]
    if direction == "both":  # where nothing says flat, all have a side from the first bar on
        plans = [
            ([first, *entries], [one for one in exits if one != first]) for entries, exits in plans
        ]
    points = tuple(Script(*plan) for plan in plans)
    bars = random_bars(60, 1)
    composite = Composite(points, starts, first, settings)
    found = _sides(_run(bars, composite, settings, first))
    expected = np.zeros(60 - first, dtype=np.int64)
    for point, start, stop in zip(points, starts, (*starts[1:], 60), strict=True):
        fold = slice(start - first, stop - first)
        expected[fold] = _sides(_run(bars, point, settings, first))[fold]
    assert found.tolist() == expected.tolist()
    # No bar later than a signal's own decides it.
    stop = data.draw(st.integers(first + 1, 60))
    cut = Bars(*(getattr(bars, name)[:stop] for name in bars.__dataclass_fields__))
    earlier = replace(composite, starts=tuple(min(start, stop) for start in starts)).signals(cut)
    whole = composite.signals(bars)
    for name in ("entries", "exits"):
        # The last one may be that of a fold which begins with the next bar.
        assert getattr(earlier, name)[:-1].tolist() == getattr(whole, name)[: stop - 1].tolist()


STOPPED = ohlc(
    (100, 101, 99, 100), (100, 101, 99, 100), (100, 101, 99, 100), (100, 101, 80, 100),
    (100, 101, 99, 100), (100, 101, 99, 100), (100, 101, 99, 100), (100, 101, 99, 100),
)  # fmt: skip


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        # Stopped out on bar 3, and so not held when the fold begins on bar 5.
        (([0], []), []),
        # Bought again after that.
        (([0, 3], []), [(5, 100.0, 7, 100.0, "open")]),
        # A signal of the last training bar fills with the fold, whatever was held.
        (([0, 4], []), [(5, 100.0, 7, 100.0, "open")]),
        (([3], [4]), []),
    ],
)
def test_with_stops_a_points_own_trades_say_what_it_holds(after: Any, expected: list[Any]):
    stops = replace(FREE, stop_loss=0.1)
    composite = Composite((Script([], []), Script(*after)), (1, 5), 0, stops)
    assert fills(_run(STOPPED, composite, stops, first=0)) == expected
    # Stopped out on the last training bar, whose signal fills nonetheless.
    composite = Composite((Script([], []), Script(*after)), (1, 4), 0, stops)
    bought = [(4, 100.0, 7, 100.0, "open")] if 3 in after[0] and not after[1] else []
    again = [(5, 100.0, 7, 100.0, "open")] if 4 in after[0] else []
    left = [(4, 100.0, 5, 100.0, "signal")] if after[1] else []
    assert fills(_run(STOPPED, composite, stops, first=0)) == bought + again + left


def test_a_point_that_stays_does_not_buy_back_what_was_stopped():
    stops = replace(FREE, stop_loss=0.1)
    # Taken over at 100 on bar 1, where the point itself had paid 50 and is not stopped at 80.
    bars = replace(STOPPED, open=np.array([100.0, 50, 100, 100, 100, 100, 100, 100]))
    bars = replace(bars, low=np.array([50.0, 50, 99, 80, 99, 99, 99, 99]))
    point = Script([0], [])
    assert fills(_run(bars, point, stops, first=0)) == [(1, 50.0, 7, 100.0, "open")]
    for points in ((point, point), (point, point, point)):
        composite = Composite(points, (2, 5, 6)[: len(points)], 0, stops)
        assert fills(_run(bars, composite, stops, first=0)) == [(2, 100.0, 3, 90.0, "stop_loss")]


@pytest.mark.parametrize("stops", [{}, {"stop_loss": 0.5}])
def test_an_order_that_waits_for_volume_is_taken_over(stops: dict[str, float]):
    settings = replace(FREE, **stops)
    bars = replace(RISING, volume=np.array([1.0, 1, 1, 0, 0, 0, 1, 1, 1, 1]))
    # Signalled on bar 2, it could not be filled before the fold begins on bar 5.
    composite = Composite((Script([], []), Script([2], [])), (1, 5), 0, settings)
    assert fills(_run(bars, composite, settings, first=0)) == [(6, 106.0, 9, 109.5, "open")]
    filled = Composite((Script([], []), Script([1], [2])), (1, 5), 0, settings)
    assert fills(_run(bars, filled, settings, first=0)) == []


def test_where_nothing_says_flat_a_position_is_kept():
    both = replace(FREE, direction="both")
    composite = Composite((Script([1], []), Script([], [7])), (1, 5), 0, both)
    expected = [(2, 102.0, 8, 108.0, "signal"), (8, 108.0, 9, 109.5, "open")]
    assert fills(_run(RISING, composite, both, first=0)) == expected


def _held(bars: Bars, spread: Floats | None, settings: BacktestSettings) -> list[int]:
    """Return the side that a point would hand over to a fold that begins after each bar."""
    at = range(20, len(bars) - 1, 4)
    point = SmaCross(3, 12)
    taken = (Composite((point,), (bar + 1,), 0, settings, spread).signals(bars) for bar in at)
    return [int(one.entries[bar]) for bar, one in zip(at, taken, strict=True)]


@pytest.mark.parametrize("seed", range(4))
def test_stops_follow_from_the_half_spread_of_each_bar(seed: int):
    bars, point = regime_bars(100, seed), SmaCross(3, 12)
    costs = [{"model": "half_spread", "column": "half_spread"}]
    column = BacktestSettings(costs=costs, stop_loss=0.05)
    points = replace(column, costs=[{"model": "half_spread", "basis_points": 400}])
    constant = np.full(100, 0.04)
    assert _held(bars, constant, column) == _held(bars, None, points)
    varying = np.random.default_rng(seed).uniform(0.02, 0.08, 100)
    outcome = VectorBTEngine(column).run_batch(
        [replace(history(bars), half_spread=varying)], point, Window(day(0), day(99))
    )
    sides, signals = _sides(outcome.results[0]), point.signals(bars)
    turns = signals.entries != signals.exits
    # The signal of the last bar fills with the fold, whatever was held.
    expected = np.where(turns, signals.entries, sides == 1)[20:-1:4]
    assert _held(bars, varying, column) == expected.tolist()


def test_a_composite_without_the_half_spreads_is_refused():
    costs = [{"model": "half_spread", "column": "half_spread"}]
    settings = BacktestSettings(costs=costs, stop_loss=0.05)
    composite = Composite((Script([], []), Script([2], [])), (1, 5), 0, settings)
    with pytest.raises(UnusableBarsError, match="has no half_spread, which costs take"):
        composite.signals(RISING)
