"""Curves over a universe: computed by hand, and by a slow loop over ragged symbols."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from engine.backtest import VectorBTEngine
from engine.equal_weight import EqualWeight
from engine.history import History
from engine.settings import BacktestSettings, Direction, Window
from research.universe_curves import UniverseCurves, compute_universe_curves
from strategies.base import Strategy
from strategies.bollinger import Bollinger
from strategies.rsi import Rsi
from strategies.sma_cross import SmaCross
from tests.bars import DAY, FIRST_DAY, build_bars, random_history
from tests.engine.cases import FREE, day
from tests.engine.planned import Planned
from tests.research.refusing import Refusing

HELD = Planned([0], [])
"""Buys at the open of the second bar."""


def _closes(symbol: str, closes: Sequence[float], first: int = 0) -> History:
    dates = FIRST_DAY + (first + np.arange(len(closes))) * DAY
    return History(symbol, dates, build_bars(list(closes), list(closes)))


def _curves(
    histories: Sequence[History],
    strategies: Sequence[Strategy],
    window: Window,
    settings: BacktestSettings = FREE,
    universe: Sequence[History] | None = None,
    memory_budget: int = 32_000_000,
) -> UniverseCurves:
    market = EqualWeight.of(universe or histories, window)
    outcomes = VectorBTEngine(settings, memory_budget=memory_budget).run_batches(
        histories, strategies, window
    )
    return compute_universe_curves(outcomes, strategies, window, market)


def test_a_curve_is_the_mean_of_the_held_accounts():
    rising, falling = _closes("A", [100, 100, 110, 121]), _closes("B", [100, 100, 80, 80])
    curves = _curves([rising, falling], [HELD, Planned([1], [])], Window(day(0), day(3)))
    # A: +10 %, +10 %. B: -20 %, 0 %. Who buys a bar later has only the last day of each.
    assert curves.returns[0].tolist() == pytest.approx([0, 0, -0.05, 0.05])
    assert curves.returns[1].tolist() == pytest.approx([0, 0, 0, 0.05])
    assert curves.exposure.tolist() == [[0, 0, 1, 1], [0, 0, 0, 1]]
    assert curves.activity.tolist() == [(2 / 4 + 1 / 4) / 2, (1 / 4 + 0) / 2]
    assert curves.symbols.tolist() == [2, 2]
    assert curves.market.tolist() == pytest.approx([0, 0, -0.05, 0.05])
    assert curves.dates.tolist() == [day(0), day(1), day(2), day(3)]


def test_a_symbol_counts_from_its_second_bar_to_its_last():
    whole = _closes("A", [100.0, 100.0, 110.0] + [110.0] * 18 + [121.0])
    late = _closes("B", [50.0, 50.0, 60.0], first=10)
    curves = _curves([whole, late], [HELD], Window(day(0), day(21)))
    expected = np.zeros(22)
    # B is held on two days only, and A alone before and after.
    expected[2], expected[12], expected[21] = 0.1, 0.2 / 2, 0.1
    assert curves.returns[0] == pytest.approx(expected)
    # A buys on its second day, and B on its second bar, which fills at the open of that day.
    exposed = np.ones(22)
    exposed[:2], exposed[11] = 0.0, 0.5
    assert curves.exposure[0].tolist() == exposed.tolist()


def test_a_late_symbols_first_cost_counts_on_its_second_bar():
    whole, late = _closes("A", [100.0] * 12), _closes("B", [50.0, 60.0], first=10)
    settings = BacktestSettings(fees=0.01, slippage=0.0, execution="same_close")
    curves = _curves([whole, late], [HELD], Window(day(0), day(11)), settings)
    paid = 1 / 1.01
    assert curves.returns[0, 10] == 0.0
    assert curves.returns[0, 11] == pytest.approx((paid * 1.2 - 1) / 2)


def test_a_failure_leaves_other_symbols_and_strategies_alone():
    alone, fails, other = (random_history(name, bars, bars) for name, bars in
                           (("A", 60), ("B", 50), ("C", 60)))  # fmt: skip
    broken = replace(other, symbol="D", bars=replace(other.bars, close=-other.bars.close))
    window = Window(day(0), day(59))
    curves = _curves([alone, fails, broken, other], [Refusing(), HELD], window)
    without = _curves([alone, other], [HELD], window, universe=[alone, fails, other])
    assert np.array_equal(curves.returns[0], without.returns[0])
    assert curves.symbols.tolist() == [2, 3]
    nothing = _curves([fails], [Refusing()], window, universe=[alone])
    assert not nothing.returns.any()
    assert (nothing.activity[0], nothing.symbols[0]) == (0.0, 0)
    assert nothing.dates.tolist() == curves.dates.tolist()


def test_the_days_do_not_depend_on_what_has_been_run():
    few, many = _closes("A", [100.0, 101.0]), _closes("B", [100.0] * 5)
    window = Window(day(0), day(4))
    curves = _curves([few], [HELD], window, universe=[few, many])
    assert curves.dates.tolist() == EqualWeight.of([few, many], window).dates.tolist()
    assert curves.returns.shape == (1, 5) == (1, len(curves.market))


def test_an_account_that_has_lost_its_capital_stays_at_zero():
    doubled = _closes("A", [100.0, 100.0, 250.0, 100.0, 300.0])
    settings = replace(FREE, direction="short")
    curves = _curves([doubled], [Planned([], [0])], Window(day(0), day(4)), settings)
    assert curves.returns[0].tolist() == [0.0, 0.0, pytest.approx(-1.5), 0.0, 0.0]
    assert curves.exposure[0].tolist() == [0.0, 0.0, -1.0, -1.0, -1.0]
    assert np.isfinite(curves.returns).all()


RAGGED = [random_history(f"S{n}", bars, n) for n, bars in enumerate((300, 300, 180, 90, 300, 40))]
RAGGED[3] = replace(RAGGED[3], dates=RAGGED[3].dates + 150 * DAY)
RAGGED[5] = replace(RAGGED[5], dates=RAGGED[5].dates + 7 * np.arange(40) * DAY)
WINDOW = Window(day(30), day(299))
POINTS = [SmaCross(5, 20), Rsi(), Bollinger(10, 3.0), SmaCross(10, 50), Bollinger()]


def _loop(strategy: Strategy, settings: BacktestSettings) -> Iterator[tuple[float, float]]:
    """Yield mean return and exposure of each day, account by account and day by day."""
    week = timedelta(days=7)
    accounts: dict[str, dict[date, float]] = {}
    positions: dict[str, list[tuple[date, date, int]]] = {}
    held: dict[str, tuple[date, date]] = {}
    for history in RAGGED:
        result = VectorBTEngine(settings).run_batch([history], strategy, WINDOW).results[0]
        value, account = settings.initial_capital, {}
        for when, equity in zip(result.dates.tolist(), result.equity.tolist(), strict=True):
            account[when], value = equity / value - 1.0, equity
        days = [one for one in history.dates.tolist() if one <= WINDOW.end]
        traded = list(account)
        early = days[0] < WINDOW.start or traded[0] <= WINDOW.start + week
        ended = WINDOW.end - traded[-1] > week
        held[history.symbol] = (
            WINDOW.start if early else traded[1],
            traded[-1] if ended else WINDOW.end,
        )
        accounts[history.symbol] = account
        positions[history.symbol] = [
            (one["entry_date"], date.max if one["status"] == "open" else one["exit_date"],
             1 if one["direction"] == "long" else -1)
            for one in result.as_dict()["trades"]
        ]  # fmt: skip
    for when in sorted({one for account in accounts.values() for one in account}):
        on = [name for name, (first, last) in held.items() if first <= when <= last]
        sides = [
            side
            for name in on
            for entered, left, side in positions[name]
            if entered < when <= left  # held at the close before
        ]
        count = max(len(on), 1)
        yield sum(accounts[name].get(when, 0.0) for name in on) / count, sum(sides) / count


@pytest.mark.parametrize("direction", ["long", "both"])
def test_ragged_symbols_agree_with_a_slow_loop(direction: Direction):
    settings = BacktestSettings(direction=direction)
    curves = _curves(RAGGED, POINTS, WINDOW, settings)
    for number, strategy in enumerate(POINTS):
        returns, exposure = np.array([*_loop(strategy, settings)]).T
        np.testing.assert_allclose(curves.returns[number], returns, atol=1e-12)
        np.testing.assert_allclose(curves.exposure[number], exposure, atol=1e-12)
    assert curves.activity[2] == 0.0, "a point that can never trade"


def test_curves_have_the_same_bits_whatever_the_batches():
    whole = _curves(RAGGED, POINTS, WINDOW)
    for budget in (1, 200_000, 1_000_000):
        parts = _curves(RAGGED, POINTS, WINDOW, memory_budget=budget)
        assert np.array_equal(parts.returns, whole.returns)
        assert np.array_equal(parts.exposure, whole.exposure)
        assert np.array_equal(parts.activity, whole.activity)
    for number, strategy in enumerate(POINTS):
        alone = _curves(RAGGED, [strategy], WINDOW)
        assert np.array_equal(alone.returns[0], whole.returns[number])
    assert whole.returns.flags["C_CONTIGUOUS"]
