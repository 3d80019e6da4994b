"""Verdicts: whether a strategy's results can be believed, given all that was tried.

Judged is a strategy over a universe, with every point of it that was tried: not its luckiest point,
and not each symbol by itself.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from engine.history import infer_bars_per_year
from research.gates import (
    BEST_POINT_LEVEL,
    GRID_LEVEL,
    LEAST_ACTIVITY,
    LOSS_LIMIT,
    WALK_FORWARD_LEVEL,
    Gate,
    judge_against_luck,
    judge_selection,
    judge_walk_forward,
)
from research.residuals import hedge_across_folds
from research.statistics.effective_trials import count_effective_trials
from research.statistics.moments import compute_moments
from research.statistics.sharpe_inference import (
    compute_dsr,
    compute_min_backtest_length,
    compute_min_track_record,
    compute_psr,
)
from research.trial_panel import TrialPanel
from research.trials import BACKTEST_PROTOCOL
from strategies.base import Bools


class Verdict(StrEnum):
    """What is concluded of a strategy."""

    REJECTED = "rejected"
    """Luck explains its results, or they do not last out of sample."""
    PROMISING = "promising"
    """Neither its grid nor its best point is explained by luck."""
    DEPLOYABLE = "deployable"
    """And what walk-forward would have traded has earned something out of sample."""


@dataclass(frozen=True)
class BestPoint:
    """The point with the highest Sharpe ratio; best of so many by luck as well.

    Parameters
    ----------
    sharpe_ratio
        Of the residual, per year.
    psr, dsr
        Probabilistic Sharpe ratio against 0, and against the best of the effective trials.
    min_track_record_years, min_backtest_years
        MinTRL against 0 at 5 %, and MinBTL of the effective trials at a Sharpe ratio of 1.
    """

    parameters: Mapping[str, Any]
    sharpe_ratio: float
    psr: float
    dsr: float
    min_track_record_years: float
    min_backtest_years: float


@dataclass(frozen=True)
class StrategyVerdict:
    """The verdict of one strategy, and what led to it.

    Parameters
    ----------
    grid, best_point, selection, walk_forward
        The gates, in their order.
    trials, active_trials
        Points that were tried, and those of them that are tested.
    competing_trials, effective_trials
        All active trials on the universe, and how many independent ones they are worth.
    protocols
        Walk-forwards that were tried.
    overfitting
        PBO, None with fewer than two active points; it is shown and decides nothing.
    best
        None without an active point.
    """

    strategy: str
    grid: Gate
    best_point: Gate
    selection: Gate
    walk_forward: Gate
    trials: int
    active_trials: int
    competing_trials: int
    effective_trials: float
    protocols: int
    overfitting: float | None
    best: BestPoint | None

    @property
    def verdict(self) -> Verdict:
        """What the gates add up to."""
        if not (self.grid.passed and self.best_point.passed and self.selection.passed):
            return Verdict.REJECTED
        return Verdict.DEPLOYABLE if self.walk_forward.passed else Verdict.PROMISING

    @property
    def reason(self) -> str:
        """The first gate that it failed, in words; "" for a deployable one."""
        if self.best is None:
            return f"none of {self.trials} points is invested on {LEAST_ACTIVITY:.0%} of bars"
        if not self.grid.passed:
            return f"luck explains the mean of its points: p = {self.grid.value:.2f}"
        if not self.best_point.passed:
            return f"luck explains its best point of all tried: p = {self.best_point.value:.2f}"
        if not self.selection.passed:
            return f"its best point loses out of sample in {self.selection.value:.0%} of splits"
        if not self.walk_forward.passed:
            return f"walk-forward shows no profit: p = {self.walk_forward.value:.2f}"
        return ""


def reach_verdicts(
    strategies: Sequence[str],
    competing: TrialPanel,
    groups: Sequence[str],
    walk_forward: str,
) -> list[StrategyVerdict]:
    """Return the verdict of each strategy, given all trials on the universe.

    Parameters
    ----------
    strategies
        Their names.
    competing
        All trials on the universe and window, those of the judged strategies included.
    groups
        Of each trial: the name of the strategy whose point it is, in the scope that is judged; for
        every other trial a name that is none, one for all points of the same sweep.
    walk_forward
        The protocol that is judged.
    """
    return _Trials(competing, groups).judge(strategies, walk_forward)


class _Trials:
    """All trials, hedged, and what is the same for every strategy."""

    def __init__(self, panel: TrialPanel, groups: Sequence[str]) -> None:
        scope = panel.scope
        self._panel, self._groups = panel, groups
        self._year = scope.settings.get("bars_per_year") or infer_bars_per_year(scope.dates)
        # The float32 of the ledger, whether this run has computed a trial or found it.
        self._stored = panel.residuals.astype(np.float64)
        returns = self._stored + panel.betas[:, np.newaxis] * scope.market
        curves = hedge_across_folds(returns, scope.market)
        points = np.array([one == BACKTEST_PROTOCOL for one in panel.protocols], dtype=np.bool_)
        active = points & (panel.activity >= LEAST_ACTIVITY) & (curves.std(axis=1) > 0.0)
        self._rows: list[int] = np.flatnonzero(active).tolist()
        self._curves = curves[active]
        self._points: list[int] = np.flatnonzero(points).tolist()
        self._walk_forwards: list[int] = np.flatnonzero(~points).tolist()

    def judge(self, strategies: Sequence[str], protocol: str) -> list[StrategyVerdict]:
        """Return the verdicts."""
        groups = np.array([self._groups[row] for row in self._rows])
        of_grid = of_best = dict.fromkeys(strategies, (math.nan, 1.0))
        effective = 0.0
        if self._rows:
            names = list(dict.fromkeys(groups.tolist()))
            means = np.array([self._curves[groups == one].mean(axis=0) for one in names])
            of_grid = judge_against_luck(means, names, strategies)
            of_best = judge_against_luck(self._curves, groups.tolist(), strategies)
            effective = count_effective_trials(self._curves)
        return [
            self._judge_one(one, groups == one, of_grid[one], of_best[one], effective, protocol)
            for one in strategies
        ]

    def _judge_one(
        self,
        strategy: str,
        own: Bools,
        of_grid: tuple[float, float],
        of_best: tuple[float, float],
        effective: float,
        protocol: str,
    ) -> StrategyVerdict:
        split = judge_selection(self._curves[own])
        # A single point was not chosen among others: it loses or it does not.
        loss = split.loss if split else float(not of_best[0] > 0.0)
        sharpe, p_value, protocols = self._judge_walk_forward(strategy, protocol)
        return StrategyVerdict(
            strategy=strategy,
            grid=Gate(self._annualize(of_grid[0]), of_grid[1], GRID_LEVEL),
            best_point=Gate(self._annualize(of_best[0]), of_best[1], BEST_POINT_LEVEL),
            selection=Gate(loss, loss, LOSS_LIMIT),
            walk_forward=Gate(self._annualize(sharpe), p_value, WALK_FORWARD_LEVEL),
            trials=sum(self._groups[row] == strategy for row in self._points),
            active_trials=int(own.sum()),
            competing_trials=len(self._rows),
            effective_trials=effective,
            protocols=protocols,
            overfitting=split.overfitting if split else None,
            best=self._describe_best(np.flatnonzero(own).tolist(), effective),
        )

    def _judge_walk_forward(self, strategy: str, protocol: str) -> tuple[float, float, int]:
        """Return Sharpe ratio per bar, p-value, and how many protocols were tried."""
        rows = [row for row in self._walk_forwards if self._groups[row] == strategy]
        protocols = len({self._panel.protocols[row] for row in rows})
        for row in rows:
            if self._panel.protocols[row] == protocol:
                curve = self._stored[row]
                # Zeros stand for the bars before the first test.
                tested = curve[np.argmax(curve != 0.0) :]
                return *judge_walk_forward(tested, protocols), protocols
        return math.nan, 1.0, protocols

    def _describe_best(self, rows: Sequence[int], effective: float) -> BestPoint | None:
        if not rows:
            return None
        moments = compute_moments(self._curves[rows])
        best = int(np.argmax(moments.sharpe))
        sharpe, bars = float(moments.sharpe[best]), self._curves.shape[1]
        shape = float(moments.skew[best]), float(moments.kurtosis[best])
        return BestPoint(
            parameters=self._panel.parameters[self._rows[rows[best]]],
            sharpe_ratio=self._annualize(sharpe),
            psr=float(compute_psr(sharpe, 0.0, bars, *shape)),
            dsr=float(compute_dsr(sharpe, bars, *shape, trials=effective)),
            min_track_record_years=float(compute_min_track_record(sharpe, 0.0, *shape))
            / self._year,
            min_backtest_years=compute_min_backtest_length(effective),
        )

    def _annualize(self, sharpe: float) -> float:
        return float(sharpe) * math.sqrt(self._year)
