"""Nights one after the other record what the later backtest of the same days earns, to the bit."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import pytest

from engine.backtest import VectorBTEngine
from engine.equal_weight import EqualWeight
from engine.history import History
from engine.settings import BacktestSettings, Window
from research.forward.known_bars import KnownBars
from research.forward.night import Night, NightSpec, measure_entry_cost, run_night
from research.universe_curves import compute_universe_curves
from strategies.base import Bars
from strategies.registry import registered_strategies
from tests.bars import history, random_bars
from tests.engine.cases import day

BARS, FIRST, FROZEN = 190, 30, 160
STRATEGIES = tuple(one() for one in registered_strategies().values())
SYMBOLS = ("A", "B", "C", "D", "E")
BOTH = BacktestSettings(direction="both", stop_loss=0.04, trailing_stop=0.05, take_profit=0.2)


def _market() -> list[History]:
    """Return symbols of which one is listed late, one pauses, and one ends."""
    made = [history(random_bars(BARS, seed), name) for seed, name in enumerate(SYMBOLS)]
    made[1] = _take(made[1], np.arange(70, BARS))
    bars = np.arange(BARS)
    made[2] = _take(made[2], bars[(bars % 9 > 1) | (bars == BARS - 1)])
    made[3] = _take(made[3], np.arange(172))
    volume = made[4].bars.volume * (bars % 11 > 2)
    made[4] = replace(made[4], bars=replace(made[4].bars, volume=volume))
    return made


def _take(given: History, bars: np.ndarray) -> History:
    values = {name: getattr(given.bars, name)[bars] for name in Bars.__dataclass_fields__}
    return replace(given, dates=given.dates[bars], bars=Bars(**values))


def _with_calendar(given: History, window: Window) -> History:
    """Return a history whose calendar has a session on every day; of C, on those of its bars."""
    until = given.dates[given.dates < window.days[1]]
    last = until[-1].astype(date) if given.symbol == "C" and len(until) else window.end
    return replace(given, last_session=last)


@dataclass
class Nights:
    """Nights of one universe, each from what the last one knew."""

    settings: BacktestSettings
    known: KnownBars | None = None

    def run(self, histories: Sequence[History], last: int) -> Night:
        """Run the night after a bar."""
        window = Window(day(FIRST), day(last))
        histories = [_with_calendar(one, window) for one in histories]
        market = EqualWeight.of(histories, window)
        spec = NightSpec(STRATEGIES, SYMBOLS, window, self.settings, market)
        until = [one for one in histories if one.dates[0] <= window.days[1]]
        night = run_night(until, spec, self.known)
        self.known = night.known
        return night


def _backtest(histories: Sequence[History], settings: BacktestSettings) -> Any:
    """Return the curves of one backtest of all days, and its results by strategy and symbol."""
    window = Window(day(FIRST), day(BARS - 1))
    histories = [_with_calendar(one, window) for one in histories]
    engine, market = VectorBTEngine(settings), EqualWeight.of(histories, window)
    outcomes = list(engine.run_batches(histories, STRATEGIES, window, market))
    curves = compute_universe_curves(outcomes, STRATEGIES, window, market)
    results = {
        (one.strategy.name, one.symbol): one for outcome in outcomes for one in outcome.results
    }
    return curves, results


def _join(nights: Sequence[Night], row: int, what: str) -> np.ndarray:
    return np.concatenate([getattr(night.days[row], what) for night in nights])


@pytest.mark.parametrize("settings", [BacktestSettings(), BOTH], ids=["default", "both with stops"])
def test_nights_equal_the_backtest_of_all_days(settings: BacktestSettings):
    histories, nights = _market(), Nights(settings)
    begun = nights.run(histories, FROZEN)
    assert len(begun.freezes) == len(STRATEGIES)
    assert all(not len(one.sessions) for one in begun.days)
    # A night is missing, one is repeated, and one is of an older window.
    ran = [nights.run(histories, last) for last in (161, 162, 165, 165, 163, *range(166, BARS))]
    assert [len(one.days[0].sessions) for one in ran[:6]] == [1, 1, 3, 0, 0, 1]
    assert all(not one.revised and not one.late and not one.freezes for one in ran)
    curves, results = _backtest(histories, settings)
    later = curves.dates > np.datetime64(day(FROZEN))
    capital = settings.initial_capital
    for row, strategy in enumerate(STRATEGIES):
        sessions = _join(ran, row, "sessions")
        assert sessions.tobytes() == curves.dates[later].tobytes()
        assert _join(ran, row, "returns").tobytes() == curves.returns[row][later].tobytes()
        assert _join(ran, row, "market").tobytes() == curves.market[later].tobytes()
        accounts, sides = _join(ran, row, "accounts"), _join(ran, row, "sides")
        for place, symbol in enumerate(SYMBOLS):
            result = results[strategy.name, symbol]
            at = np.flatnonzero(np.isin(sessions, result.dates))
            assert (np.flatnonzero(~np.isnan(accounts[:, place])) == at).all()
            bars = np.flatnonzero(np.isin(result.dates, sessions[at]))
            value = np.concatenate([[capital], result.equity])
            earned = (value[bars + 1] - value[bars]) / value[bars]
            assert accounts[at, place].tobytes() == earned.tobytes(), (strategy, symbol)
            assert sides[at, place].tolist() == [_side(result.trades, bar) for bar in bars.tolist()]


def _side(trades: Any, bar: int) -> int:
    for trade in trades:
        left = trade["exit_idx"] if trade["status"] else np.inf
        if trade["entry_idx"] <= bar < left:
            return -1 if trade["direction"] else 1
    return 0


def test_exposure_is_the_share_of_accounts_with_a_position():
    histories, nights = _market(), Nights(BacktestSettings())
    frozen = nights.run(histories, FROZEN)
    (days,) = nights.run(histories, FROZEN + 1).days[4:5]
    there = ~np.isnan(days.accounts[0])
    assert days.exposure.tolist() == [(days.sides[0][there] != 0).mean()]
    assert [one.exposure for one in frozen.freezes] == [
        np.mean([one.held != 0 for one in frozen.next_positions if one.strategy == named.name])
        for named in STRATEGIES
    ]


def test_what_was_predicted_is_what_the_next_night_holds():
    histories, nights = _market(), Nights(BacktestSettings())
    before = nights.run(histories, FROZEN)
    after = nights.run(histories, FROZEN + 1)
    sides = {
        (strategy.name, symbol): days.sides[0][place]
        for strategy, days in zip(STRATEGIES, after.days, strict=True)
        for place, symbol in enumerate(SYMBOLS)
        if not np.isnan(days.accounts[0][place])
    }
    traded = {one.symbol for one in histories if one.bars.volume[FROZEN + 1 - len(one.dates)] > 0}
    compared = [
        (one.next_side, sides[one.strategy, one.symbol])
        for one in before.next_positions
        if (one.strategy, one.symbol) in sides and one.symbol in traded
    ]
    assert len(compared) > 20
    assert all(predicted == held for predicted, held in compared)


def test_joining_costs_what_entering_costs():
    settings = BacktestSettings(fees=0.002, slippage=0.001)
    long, short = (measure_entry_cost(settings.cost_model, side, 50.0, 1_000.0) for side in (1, -1))
    assert long == pytest.approx(1.0 - 1.0 / (1.001 * 1.002), rel=1e-12)
    assert short == pytest.approx((0.002 * 0.999 + 0.001) / (0.999 * 1.002), rel=1e-12)
    night = Nights(settings).run(_market(), FROZEN)
    for one in night.freezes:
        assert one.joining_cost == pytest.approx(one.exposure * long)


def test_bars_that_come_late_count_on_the_next_day():
    histories, nights = _market(), Nights(BacktestSettings())
    nights.run(histories, FROZEN)
    missing = [_take(histories[0], np.arange(FROZEN + 1)), *histories[1:]]
    first = nights.run(missing, FROZEN + 2)
    assert np.isnan(first.days[0].accounts[:, 0]).all()
    # The bars of the recorded days come, and none of a new one.
    pause = [_take(histories[0], np.arange(FROZEN + 3)), *histories[1:]]
    second, third = nights.run(pause, FROZEN + 3), nights.run(histories, FROZEN + 4)
    assert [one.late for one in (first, second, third)] == [[], ["A"], ["A"]]
    assert not third.revised
    _, results = _backtest(histories, BacktestSettings())
    for strategy, night_days in zip(STRATEGIES, third.days, strict=True):
        equity = results[strategy.name, "A"].equity
        at = FROZEN - FIRST
        earned = equity[at + 4] / equity[at] - 1.0
        assert night_days.accounts[0, 0] == pytest.approx(earned, abs=1e-14)


def test_a_revision_is_said_and_recorded_days_stay():
    histories, nights = _market(), Nights(BacktestSettings())
    nights.run(histories, FROZEN)
    nights.run(histories, FROZEN + 1)
    bars = histories[0].bars
    for name, bar in (("close", 120), ("volume", 40), ("open", FROZEN + 1)):
        changed = getattr(bars, name).copy()
        changed[bar] *= 1.001
        revised = [replace(histories[0], bars=replace(bars, **{name: changed})), *histories[1:]]
        assert Nights(BacktestSettings(), nights.known).run(revised, FROZEN + 2).revised == ["A"]
    later = bars.close.copy()
    later[FROZEN + 2] *= 1.001  # not known yet
    fresh = [replace(histories[0], bars=replace(bars, close=later)), *histories[1:]]
    night = Nights(BacktestSettings(), nights.known).run(fresh, FROZEN + 2)
    assert (night.revised, len(night.days[0].sessions)) == ([], 1)


def test_a_pause_is_absent_and_its_account_is_exact():
    histories = _market()
    bars = np.arange(BARS)
    histories[0] = _take(histories[0], bars[(bars != FROZEN + 2) & (bars != FROZEN + 3)])
    nights = Nights(BacktestSettings())
    ran = [nights.run(histories, FROZEN + more) for more in range(6)]
    assert [one.absent for one in ran] == [[], [], ["A"], ["A"], [], []]
    assert [one.late for one in ran] == [[]] * 6
    curves, results = _backtest(histories, BacktestSettings())
    at = int(curves.dates.searchsorted(np.datetime64(day(FROZEN + 1))))
    for row, strategy in enumerate(STRATEGIES):
        accounts = _join(ran, row, "accounts")[:, 0]
        equity = results[strategy.name, "A"].equity[FROZEN - FIRST :]
        earned = (equity[1:] - equity[:-1]) / equity[:-1]
        assert accounts[[0, 3, 4]].tobytes() == earned[:3].tobytes()
        # Taken as ended on two days, on which a later backtest knows that it comes back.
        returns = _join(ran, row, "returns")
        same = returns == curves.returns[row][at : at + 5]
        moved = curves.returns[row][at + 1 : at + 3] != 0.0
        assert same[[0, 3, 4]].all()
        assert not (same[1:3] & moved).any()


def test_a_symbol_that_fails_is_missing_and_comes_back():
    histories, nights = _market(), Nights(BacktestSettings())
    nights.run(histories, FROZEN)
    without = nights.run(histories[1:], FROZEN + 1)
    assert np.isnan(without.days[0].accounts[:, 0]).all()
    back = nights.run(histories, FROZEN + 2)
    assert (back.late, back.revised) == (["A"], [])
    assert not np.isnan(back.days[0].accounts[:, 0]).any()


def test_money_that_can_not_be_counted_is_a_failure():
    absurd = random_bars(BARS)
    growth = np.where(np.arange(BARS) % 20 < 10, 1e-5, 1e5) * absurd.close
    bars = Bars(growth, growth, growth, growth, absurd.volume)
    histories = [*_market()[:4], history(bars, "E")]
    night = Nights(BacktestSettings()).run(histories, FROZEN)
    failed = {(one.symbol, one.error_class) for one in night.failures}
    assert failed == {("E", "UncountableMoneyError")}
    named = {one.strategy for one in night.failures}
    assert not [one for one in night.next_positions if one.symbol == "E" and one.strategy in named]
