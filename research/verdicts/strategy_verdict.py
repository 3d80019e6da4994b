"""The verdict of one strategy, and what led to it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from research.verdicts.criteria import LEAST_ACTIVITY, Criterion
from research.verdicts.hedge import Hedge
from research.verdicts.verdict import Verdict


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
    hedge
        Under which it is judged: that under which the mean of its points is the less likely luck.
        All tests are adjusted for both.
    grid, best_point, selection, walk_forward
        The criteria, in their order.
    trials, active_trials
        Points that were tried, and those of them that are tested.
    competing_trials, effective_trials
        All active trials on the universe, and how many independent ones their curves under both
        hedges are worth.
    protocol, protocols
        Which walk-forward was judged, "" for none, and how many were tried.
    overfitting
        PBO, None with fewer than two active points; it is shown and decides nothing.
    best
        None without an active point.
    """

    strategy: str
    hedge: Hedge
    grid: Criterion
    best_point: Criterion
    selection: Criterion
    walk_forward: Criterion
    trials: int
    active_trials: int
    competing_trials: int
    effective_trials: float
    protocol: str
    protocols: int
    overfitting: float | None
    best: BestPoint | None

    @property
    def verdict(self) -> Verdict:
        """What the criteria add up to."""
        if not (self.grid.passed and self.best_point.passed and self.selection.passed):
            return Verdict.REJECTED
        return Verdict.DEPLOYABLE if self.walk_forward.passed else Verdict.PROMISING

    @property
    def reason(self) -> str:
        """The first criterion that it failed, in words; "" for a deployable one."""
        if not self.trials:
            return "nothing of it was tried"
        if self.best is None:
            return f"none of {self.trials} points is invested on {LEAST_ACTIVITY:.0%} of bars"
        walked = f"luck explains its walk-forward: p = {self.walk_forward.value:.2f}"
        loss = f"its best point loses out of sample in {self.selection.value:.0%} of splits"
        reasons = (
            (self.grid, f"luck explains the mean of its points: p = {self.grid.value:.2f}"),
            (self.best_point, f"luck explains its best point: p = {self.best_point.value:.2f}"),
            (self.selection, loss),
            (self.walk_forward, walked if self.protocols else "there is no walk-forward"),
        )
        return next((why for criterion, why in reasons if not criterion.passed), "")
