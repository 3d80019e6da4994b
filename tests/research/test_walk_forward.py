"""Walk-forward: blind to the future, equal to folds run by hand, and counted once."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pytest

from engine.backtest import VectorBTEngine
from engine.equal_weight import EqualWeight
from engine.history import History
from engine.results import BacktestResult
from engine.settings import Window
from research.fold_choices import DEFAULT, KEPT, FoldChoice, TrialCurves, choose_points
from research.fold_choices import WalkForwardProtocol as Protocol
from research.folds import Fold, WalkForwardFolds
from research.holdings import Holdings
from research.universe_curves import UniverseCurveSum, compute_universe_curves
from research.walk_forward import WalkForward, describe_grid, walk_forward
from strategies.base import Bars, Floats, Ints
from strategies.momentum import Momentum
from strategies.sma_cross import SmaCross
from tests.bars import random_history
from tests.engine.planned import Planned
from tests.engine.pool import POOL, UNIVERSE, WINDOW

ENGINE = VectorBTEngine()
POINTS = [Momentum(bars, edge) for bars in (10, 20, 30) for edge in (0.02, 0.05, 0.10)]
FOLDS = WalkForwardFolds(train=150, test=60)
PROTOCOL = Protocol(FOLDS)


def _sweep(histories: Sequence[History], window: Window, universe: EqualWeight) -> TrialCurves:
    outcomes = ENGINE.run_batches(histories, POINTS, window)
    return TrialCurves.of(compute_universe_curves(outcomes, POINTS, window, universe))


def _walk(
    histories: Sequence[History],
    window: Window = WINDOW,
    protocol: Protocol = PROTOCOL,
    engine: VectorBTEngine = ENGINE,
) -> WalkForward:
    universe = EqualWeight.of(histories, window)
    sweep = _sweep(histories, window, universe)
    (found,), _ = walk_forward([sweep], histories, window, engine, universe, protocol)
    return found


@pytest.fixture(scope="module")
def whole() -> WalkForward:
    return _walk(POOL)


def _change_future(history: History, day: np.datetime64, number: int) -> History:
    """Return other bars from a day on: of another level, and going another way."""
    later = history.dates >= day
    factor = np.where(later, 1.0 + (0.5, -0.4, 0.9)[number % 3], 1.0)
    steps = np.cumprod(np.where(later, 1.01, 1.0))
    names = ("open", "high", "low", "close")
    prices = {name: getattr(history.bars, name) * factor * steps for name in names}
    return replace(history, bars=replace(history.bars, **prices))


def _cut(history: History, stop: np.datetime64) -> History:
    bars = int(history.dates.searchsorted(stop))
    names = Bars.__dataclass_fields__
    cut = Bars(*(np.ascontiguousarray(getattr(history.bars, name)[:bars]) for name in names))
    return replace(history, dates=history.dates[:bars], bars=cut)


def _find_changed(before: WalkForward, after: WalkForward, bars: int) -> list[str]:
    """Return what differs of the choices made, and of the returns earned, on the first bars."""
    pairs = zip(before.choices, after.choices, strict=False)
    made = [pair for pair in pairs if pair[0].fold.test.start <= bars]
    changed = [
        f"choice {number}"
        for number, (one, other) in enumerate(made)
        if (one.point, one.reason, repr((one.in_sample, one.beta)))
        != (other.point, other.reason, repr((other.in_sample, other.beta)))
    ]
    for name in ("returns", "residual"):
        one, other = getattr(before, name)[:bars], getattr(after, name)[:bars]
        changed += [name] if one.tobytes() != other.tobytes() else []
    return changed


BORDERS = [150, 210, 270, 271, 300, 390]


@pytest.mark.parametrize("bars", BORDERS)
def test_another_future_changes_no_earlier_choice_or_fill(whole: WalkForward, bars: int):
    day = whole.dates[bars]
    other = _walk([_change_future(one, day, n) for n, one in enumerate(POOL)])
    assert _find_changed(whole, other, bars) == []
    assert _find_changed(whole, other, len(whole.dates))[-1] == "residual"


@pytest.mark.parametrize("bars", [151, 210, 270, 330, 387])
def test_a_cut_future_changes_no_earlier_choice_or_fill(whole: WalkForward, bars: int):
    stop = whole.dates[bars]
    short = _walk([_cut(one, stop) for one in POOL], Window(WINDOW.start, (stop - 1).item()))
    assert _find_changed(whole, short, bars) == []
    assert len(short.dates) == bars


@dataclass(frozen=True)
class _Peeking(WalkForwardFolds):
    """Trains on one bar of the test."""

    def split(self, bars: int) -> list[Fold]:
        return [
            Fold(slice(one.train.start, one.train.stop + 1), one.test)
            for one in super().split(bars)
        ]


def test_a_choice_that_looks_one_bar_ahead_is_found():
    protocol = Protocol(_Peeking(train=150, test=60))
    peeking = _walk(POOL, protocol=protocol)
    day = peeking.dates[210]
    other = _walk([_change_future(one, day, n) for n, one in enumerate(POOL)], protocol=protocol)
    assert "choice 1" in _find_changed(peeking, other, 210)


def _sides(result: BacktestResult) -> Ints:
    sides = np.zeros(len(result.equity), dtype=np.int64)
    for trade in result.trades:
        sides[trade["entry_idx"] : trade["exit_idx"] if trade["status"] else len(sides)] = 1
    return sides


def _plan_by_hand(history: History, found: WalkForward) -> tuple[Planned, int]:
    """Return one symbol's signals from each point's own run, and how many positions are kept."""
    first, stop = history.dates.searchsorted(WINDOW.days).tolist()
    days = history.dates[first:stop]
    wanted, kept = np.zeros(len(days), dtype=np.int64), 0
    for choice in found.choices:
        own = _sides(ENGINE.run_batch([history], choice.point, WINDOW)[0])
        start, last = found.dates[choice.fold.test][[0, -1]]
        fold = (days >= start) & (days <= last)
        wanted[fold] = own[fold]
        begins = int(days.searchsorted(start))
        if 0 < begins < len(days):
            kept += wanted[begins - 1] == wanted[begins] == 1
    turns = np.diff(wanted, prepend=0)
    before = np.arange(len(days)) + first - 1
    return Planned(before[turns > 0].tolist(), before[turns < 0].tolist()), kept


def test_folds_by_hand_have_the_same_bits(whole: WalkForward):
    total, kept = UniverseCurveSum([POINTS[0]], WINDOW), 0
    for history in POOL:
        if history.dates[-1] < np.datetime64(WINDOW.start):
            continue
        plan, carried = _plan_by_hand(history, whole)
        kept += carried
        (block,) = ENGINE.run_batch([history], plan, WINDOW).blocks
        result = ENGINE.run_batch([history], plan, WINDOW)[0]
        equity = np.array([10_000.0, *result.equity])
        returns = (np.diff(equity) / equity[:-1])[np.newaxis]
        holdings = Holdings.of(result.trades, np.zeros(len(result.trades), dtype=np.int64))
        total.add_accounts(block.block.histories[0], np.array([0]), returns, holdings)
    curves = total.curves(UNIVERSE)
    assert curves.returns[0].tobytes() == whole.returns.tobytes()
    assert curves.exposure[0].tobytes() == whole.exposure.tobytes()
    assert 0.1 < whole.exposure[150:].mean() < 0.9
    assert whole.returns[:150].tolist() == [0.0] * 150
    assert whole.changes > 0
    assert kept > 0, "no position is carried over a border"


def test_folds_without_a_carried_position_are_runs_of_their_own():
    history = random_history("S", 600, 5)
    window = Window(history.dates[30].item(), history.dates[-1].item())
    found, alone = _walk([history], window), 0
    composed = np.cumprod(1.0 + found.returns)
    for choice in found.choices:
        start, stop = choice.fold.test.start, choice.fold.test.stop
        days = Window(*found.dates[[start - 1, stop - 1]].astype(date))
        own = _sides(ENGINE.run_batch([history], choice.point, window)[0])
        if own[start - 1] or own[start] or found.returns[start] != 0.0:
            continue
        alone += 1
        run = ENGINE.run_batch([history], choice.point, days)[0]
        growth = composed[start - 1 : stop] / composed[start - 1]
        np.testing.assert_allclose(growth, run.equity / 10_000.0, rtol=1e-12)
    assert alone > 1


MARKET = np.random.default_rng(1).normal(0.0, 0.01, 100)
GRID = [SmaCross(fast, 50) for fast in (5, 15, 20)]


def _chosen(returns: Floats, folds: WalkForwardFolds) -> list[tuple[int, str]]:
    dates = np.datetime64("2021-01-01") + np.arange(100)
    curves = TrialCurves(GRID, dates, returns, MARKET)
    choices = choose_points(curves, Protocol(folds, "best"))
    return [(int(one.point.parameters()["fast_period"]), one.reason) for one in choices]


def test_a_fold_without_candidates_keeps_the_choice_or_default():
    noise = np.random.default_rng(2).normal(0.0, 0.01, 20)
    returns = np.zeros((3, 100))
    returns[1, 40:60] = noise
    rolling = WalkForwardFolds(train=20, test=20, anchored=False)
    # Nothing trades on the first bars, nor on the last ones; 10 is the default, not in the grid.
    assert _chosen(returns, rolling) == [(10, DEFAULT), (10, KEPT), (15, "best"), (15, KEPT)]
    anchored = WalkForwardFolds(train=20, test=20)
    assert _chosen(returns, anchored)[2:] == [(15, "best"), (15, "best")]
    returns[2, 5] = 1.0
    assert _chosen(returns, rolling)[0] == (10, DEFAULT), "one good day is no record"


EXPOSED = np.array([0.0, 0.0, 0.0, 0.5, 1.0, 0.25, 0.5])


def test_a_walk_forward_is_summed_up_in_numbers():
    dates = np.datetime64("2021-01-01") + np.arange(7)
    market = np.array([0.01, 0.02, 0.03, 0.01, 0.02, -0.01, 0.04])
    returns = np.array([0.0, 0.0, 0.03, 0.01, 0.02, 0.0, 0.03])
    folds = WalkForwardFolds(train=2, test=2)
    parts = zip(folds.split(7), (GRID[0], GRID[1], GRID[1]), (1.0, 0.5, -1.0), strict=True)
    choices = [FoldChoice(fold, point, "plateau", 0.1, beta) for fold, point, beta in parts]
    found = WalkForward(Protocol(folds), choices, dates, returns, EXPOSED, market, 0.4, 3)
    expected = [0, 0, 0.0, 0.0, 0.01, 0.005, 0.07]
    assert found.residual.tolist() == pytest.approx(expected)
    assert found.beta == pytest.approx((2 * 1.0 + 2 * 0.5 - 1.0) / 5)
    assert found.changes == 1
    tested = np.array(expected[2:])
    assert found.sharpe == pytest.approx(tested.mean() / tested.std(ddof=1))
    of_folds = [np.nan, 0.0075 / (0.005 / 2**0.5), np.nan]
    assert found.out_of_sample_sharpes() == pytest.approx(of_folds, nan_ok=True)
    trial = found.trial(GRID, "code")
    assert (trial.strategy, trial.protocol) == ("sma_cross", "walk_forward anchored 2/2 plateau")
    assert (trial.tested_symbols, trial.activity, trial.beta) == (3, 0.4, found.beta)
    assert trial.residual.dtype == np.float32
    assert trial.residual.tolist() == pytest.approx(expected)
    assert trial.exposure.tolist() == EXPOSED.tolist()
    assert trial.parameters == describe_grid(GRID[::-1]) != describe_grid(GRID[:2])
    assert trial.parameters["points"] == 3
