"""Verdicts of hand-made trials: which criterion lets them through or fails, and the numbers."""

import math
from dataclasses import replace
from statistics import NormalDist
from uuid import uuid4

import numpy as np
import pytest

from research.residuals import hedge_across_folds
from research.statistics.cross_validation import cross_validate
from research.statistics.effective_trials import count_effective_trials
from research.statistics.moments import compute_moments
from research.statistics.sharpe_inference import (
    compute_dsr,
    compute_min_backtest_length,
    compute_min_track_record,
    compute_psr,
)
from research.statistics.stationary_bootstrap import draw_counts
from research.trial_panel import TrialPanel
from research.verdicts.criteria import BLOCK, DRAWS, SEED
from research.verdicts.hedge import Hedge
from research.verdicts.judgement import reach_verdicts
from research.verdicts.strategy_verdict import StrategyVerdict
from research.verdicts.verdict import Verdict
from tests.research.verdicts.panels import (
    BARS,
    WALK_FORWARD,
    Tried,
    grid,
    noise,
    panel,
    scope,
    walked,
)

LOSERS = [*grid("noise", 0.0, seed=20), *grid("costly", -1.0, seed=40), walked("noise", 0.0, 5)]


def judge(*trials: Tried) -> dict[str, StrategyVerdict]:
    """Return the verdicts of the strategies of some trials, all of the current code."""
    versions = dict.fromkeys((one.strategy for one in trials), "code-1")
    reached = reach_verdicts(panel(trials), versions, versions)
    assert [one.strategy for one in reached] == list(versions)
    return {one.strategy: one for one in reached}


def test_a_strong_strategy_is_deployable_and_others_rejected():
    found = judge(*grid("strong", 2.5), walked("strong", 2.0), *LOSERS)
    assert {name: one.verdict.value for name, one in found.items()} == {
        "strong": "deployable",
        "noise": "rejected",
        "costly": "rejected",
    }
    strong, costly = found["strong"], found["costly"]
    assert strong.reason == ""
    assert (strong.trials, strong.active_trials, strong.competing_trials) == (6, 6, 18)
    assert (strong.protocol, strong.protocols) == (WALK_FORWARD, 1)
    assert costly.reason == f"luck explains the mean of its points: p = {costly.grid.value:.2f}"
    assert costly.grid.value > 0.9


def test_a_grid_that_is_good_at_one_point_only_is_rejected():
    lucky = [*grid("lucky", -0.3, points=20), Tried("lucky", noise(99, 2.6))]
    found = judge(*lucky, walked("lucky", 2.0), *LOSERS)["lucky"]
    assert found.verdict is Verdict.REJECTED
    assert (found.grid.passed, found.best_point.passed) == (False, True)
    assert found.best is not None
    assert found.best.parameters == {"period": 20}
    assert found.best.psr > 0.99
    assert found.reason == f"luck explains the mean of its points: p = {found.grid.value:.2f}"


def test_a_best_point_that_luck_explains_is_rejected():
    # Points alike and independent: their mean has sqrt(12) times the Sharpe ratio of each.
    many = [Tried("many", noise(number, 0.6)) for number in range(12)]
    found = judge(*many, *(Tried("noise", noise(number)) for number in range(200, 260)))["many"]
    assert (found.grid.passed, found.best_point.passed) == (True, False)
    assert found.verdict is Verdict.REJECTED
    assert found.reason == f"luck explains its best point: p = {found.best_point.value:.2f}"


def test_a_best_point_that_loses_out_of_sample_is_rejected():
    # Each earns in one half of the window. With four or five of the five blocks of either half in
    # sample, its best point loses: in 2 * (5 * 5 + 1) of 252 splits.
    first = np.repeat([0.003, -0.0012], BARS // 2)
    curves = [first + 0.2 * noise(1), first[::-1] + 0.2 * noise(2)]
    found = judge(*(Tried("turning", one) for one in curves), walked("turning", 2.0))["turning"]
    assert (found.grid.passed, found.best_point.passed) == (True, True)
    assert found.selection.value == pytest.approx(52 / 252)
    assert found.verdict is Verdict.REJECTED
    assert found.reason == "its best point loses out of sample in 21% of splits"


@pytest.mark.parametrize(
    ("walk_forwards", "why"),
    [
        ([], "there is no walk-forward"),
        ([walked("strong", 0.2)], "luck explains its walk-forward: p = 0.39"),
        ([walked("strong", -1.0)], "luck explains its walk-forward: p = 0.92"),
        ([Tried("strong", np.zeros(BARS), "flat")], "luck explains its walk-forward: p = 1.00"),
    ],
)
def test_without_profit_out_of_sample_it_is_only_promising(walk_forwards: list[Tried], why: str):
    found = judge(*grid("strong", 2.5), *walk_forwards, *LOSERS)["strong"]
    assert (found.verdict.value, found.reason) == ("promising", why)


def test_a_walk_forward_is_judged_for_each_protocol_tried():
    single = 1.0 - NormalDist().cdf(1.6 * math.sqrt((BARS - 252) / 252))
    once = judge(*grid("strong", 2.5), walked("strong", 1.6))["strong"]
    others = [walked("strong", 0.1, seed=one, protocol=f"protocol {one}") for one in (1, 2)]
    found = judge(*grid("strong", 2.5), walked("strong", 1.6), *others)["strong"]
    assert once.walk_forward.value == pytest.approx(single, rel=1e-4)
    assert found.walk_forward.value == pytest.approx(3 * single, rel=1e-4)
    assert found.walk_forward.statistic == pytest.approx(1.6, rel=1e-5)
    assert (found.protocol, found.protocols) == (WALK_FORWARD, 3)
    assert (once.verdict, found.verdict) == (Verdict.DEPLOYABLE, Verdict.PROMISING)


def test_points_that_hardly_trade_are_counted_and_not_tested():
    idle = grid("strong", 3.0, points=2, activity=0.09)
    found = judge(*idle, walked("strong", 3.0), *LOSERS)["strong"]
    assert (found.verdict, found.best) == (Verdict.REJECTED, None)
    assert (found.trials, found.active_trials, found.competing_trials) == (2, 0, 12)
    assert found.reason == "none of 2 points is invested on 10% of bars"
    assert math.isnan(found.grid.statistic)
    alone = judge(*idle)["strong"]
    assert (alone.competing_trials, alone.effective_trials) == (0, 0.0)


def test_what_does_as_the_market_is_not_tested():
    # What is left of it is rounding, which would have any Sharpe ratio.
    rounded = [1e-18 * (1.0 + noise(3)), 2.0 * scope().market + 0.001]
    found = judge(*(Tried("holding", one) for one in rounded), *LOSERS)["holding"]
    assert (found.trials, found.active_trials) == (2, 0)


def test_an_edge_shows_under_the_hedge_that_takes_out_the_rest():
    market, rng = scope().market, np.random.default_rng(8)
    exposed = rng.integers(0, 2, (6, BARS)) * 1.0
    timing = [(one - 0.5) * market for one in exposed]
    # A good choice of symbols, behind five times as much noise of when it was invested.
    chosen = [
        Tried("chooses", noise(seed, 2.5) / 5 + one, exposure=invested, beta=0.5)
        for seed, (one, invested) in enumerate(zip(timing, exposed, strict=True))
    ]
    # Invested on the better half of days, in the universe itself: nothing of its own.
    when = [np.where(rng.random(BARS) < 0.6, market > 0.0, market <= 0.0) * 1.0 for _ in range(6)]
    timed = [Tried("times", (one - 0.5) * market, exposure=one, beta=0.5) for one in when]
    out = Tried("chooses", chosen[0].residual, WALK_FORWARD, exposure=exposed[0], beta=0.5)
    found = judge(*chosen, out, *timed, *LOSERS)
    chooses, times = found["chooses"], found["times"]
    assert (chooses.verdict, chooses.hedge) == (Verdict.DEPLOYABLE, Hedge.POSITIONS)
    assert (times.verdict, times.hedge) == (Verdict.PROMISING, Hedge.SHARE)
    assert times.active_trials == chooses.active_trials == 6
    # 6 curves of each and 12 losers, under two hedges, but what times has nothing under one.
    assert times.competing_trials == 24


def test_a_single_point_was_not_chosen_among_others():
    found = judge(*grid("strong", 2.5, points=1), walked("strong", 2.0))["strong"]
    assert (found.verdict, found.overfitting) == (Verdict.DEPLOYABLE, None)
    assert judge(*grid("costly", -1.0, points=1))["costly"].selection.value == 1.0


def test_trials_of_other_scopes_and_code_only_raise_the_bar():
    own = [*grid("strong", 1.5), walked("strong", 2.0)]
    before = judge(*own)["strong"]
    older = [Tried("strong", noise(one, 0.3), code_version="code-0") for one in range(300, 330)]
    other = [Tried("strong", noise(one, 3.5), scope_id=uuid4()) for one in range(400, 430)]
    after = judge(*own, *older, *other)["strong"]
    assert (after.trials, after.active_trials, after.competing_trials) == (6, 6, 66)
    assert after.best is not None
    assert before.best is not None
    assert after.best.sharpe_ratio == before.best.sharpe_ratio
    assert after.grid.statistic == before.grid.statistic
    assert after.grid.value > before.grid.value
    assert after.best_point.value > 2 * before.best_point.value
    assert after.best.dsr < before.best.dsr
    assert after.effective_trials > before.effective_trials + 40


def _hedge(of: TrialPanel) -> np.ndarray:
    market = of.scope.market
    returns = of.residuals.astype(np.float64) + of.betas[:, np.newaxis] * market
    return hedge_across_folds(returns, market)


def test_p_values_count_the_best_of_all_trials_by_luck():
    # None of them is so bad that it keeps its mean in the draws.
    trials = [*grid("strong", 1.4), *grid("noise", 0.0, seed=20), *grid("costly", -0.4, seed=40)]
    found = judge(*trials)
    curves = _hedge(panel(trials))
    means = np.array([curves[6 * row : 6 * row + 6].mean(axis=0) for row in range(3)])
    for row, name in enumerate(found):
        of_grid = _adjust(means, [row])
        of_best = _adjust(curves, list(range(6 * row, 6 * row + 6)))
        assert found[name].grid.value == pytest.approx(of_grid, abs=1.5 / DRAWS), name
        assert found[name].best_point.value == pytest.approx(of_best, abs=1.5 / DRAWS), name
    # Neither of them is of a trial alone, whose p-value is lower.
    alone = judge(*grid("strong", 1.4))["strong"]
    assert alone.best_point.value < found["strong"].best_point.value


def _adjust(curves: np.ndarray, rows: list[int]) -> float:
    """Return the share of draws whose best trial reaches the best of some, draw after draw."""
    scaled = curves / curves.std(axis=1, ddof=1, keepdims=True)
    centred = scaled - scaled.mean(axis=1, keepdims=True)
    statistic = max(0.0, BARS**0.5 * scaled.mean(axis=1)[rows].max())
    reached = 0
    for count in draw_counts(BARS, DRAWS, BLOCK, SEED):
        best = max(float(count @ one) / BARS**0.5 for one in centred)
        reached += max(0.0, best) >= statistic
    return (1 + reached) / (1 + DRAWS)


def test_shown_numbers_are_those_of_the_best_curve():
    trials = [*grid("strong", 2.0), *LOSERS]
    found = judge(*trials)["strong"]
    curves = _hedge(panel(trials))[:-1]
    moments = compute_moments(curves[:6])
    row = int(moments.sharpe.argmax())
    sharpe, shape = moments.sharpe[row], (moments.skew[row], moments.kurtosis[row])
    effective = count_effective_trials(curves)
    best = found.best
    assert best is not None
    assert found.effective_trials == pytest.approx(effective)
    assert best.parameters == {"period": row}
    assert best.sharpe_ratio == pytest.approx(sharpe * 252**0.5)
    assert best.psr == compute_psr(sharpe, 0.0, BARS, *shape)
    assert best.dsr == pytest.approx(compute_dsr(sharpe, BARS, *shape, trials=effective))
    assert best.dsr < best.psr
    assert best.min_track_record_years == compute_min_track_record(sharpe, 0.0, *shape) / 252
    assert best.min_backtest_years == pytest.approx(compute_min_backtest_length(effective))
    split = cross_validate(curves[:6])
    assert (found.overfitting, found.selection.value) == (split.overfitting, split.loss)
    assert found.grid.statistic == pytest.approx(
        compute_moments(curves[:6].mean(axis=0)[np.newaxis]).sharpe[0] * 252**0.5
    )


def test_only_walk_forwards_by_the_current_code_are_judged():
    own, older = walked("strong", 1.75), replace(walked("strong", 4.0, 5), code_version="wf-0")
    trials = [*grid("strong", 2.5), own, *LOSERS]
    versions = {"strong": "code-1"}
    (alone,) = reach_verdicts(panel(trials), versions, versions)
    (beside,) = reach_verdicts(panel([*trials, older]), versions, versions)
    assert beside.walk_forward == alone.walk_forward
    assert (beside.verdict, beside.protocols) == (alone.verdict, 1)
    assert alone.verdict == Verdict.DEPLOYABLE
    trials.remove(own)
    (without,) = reach_verdicts(panel([*trials, older]), versions, versions)
    assert (without.verdict, without.protocols) == (Verdict.PROMISING, 0)
    # By another code than the backtests' it counts where that is the current one.
    (newer,) = reach_verdicts(panel([*trials, older]), versions, {"strong": "wf-0"})
    assert newer.verdict == Verdict.DEPLOYABLE
