"""How verdicts are reached.

Judged is a strategy over a universe, with every point of it that was tried: not its luckiest point,
and not each symbol by itself.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np

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
from research.verdicts.criteria import (
    BEST_POINT_LEVEL,
    GRID_LEVEL,
    LEAST_ACTIVITY,
    LOSS_LIMIT,
    WALK_FORWARD_LEVEL,
    Criterion,
    judge_against_luck,
    judge_selection,
    judge_walk_forward,
)
from research.verdicts.strategy_verdict import BestPoint, StrategyVerdict
from strategies.base import Bools

# Of a curve's deviation: one that deviates less from its hedge has done as the market, and the rest
# is the rounding of float32.
_ROUNDING = 1e-6


def reach_verdicts(
    competing: TrialPanel, code_versions: Mapping[str, str]
) -> list[StrategyVerdict]:
    """Return the verdict of each strategy, given all trials on the universe.

    Parameters
    ----------
    competing
        All trials on the universe and window. Those of the panel's own scope and of the given
        versions of the code are the judged strategies' own; the others count as further tries.
    code_versions
        Of the strategies that are judged, by name.
    """
    return _Trials(competing, _group(competing, code_versions)).judge(list(code_versions))


def _group(panel: TrialPanel, code_versions: Mapping[str, str]) -> list[str]:
    """Return whose each trial is: of a judged strategy, or of what else was swept together.

    A walk-forward has a version of its own, which the panel has chosen already.
    """
    groups: list[str] = []
    for row, strategy in enumerate(panel.strategies):
        version, scope = panel.code_versions[row], panel.scope_ids[row]
        current = version == code_versions.get(strategy)
        current |= panel.protocols[row] != BACKTEST_PROTOCOL
        judged = current and scope == panel.scope.identifier
        groups.append(strategy if judged else f"{strategy} {version} {scope}")
    return groups


class _Trials:
    """All trials, hedged, and what is the same for every strategy."""

    def __init__(self, panel: TrialPanel, groups: Sequence[str]) -> None:
        scope = panel.scope
        self._panel, self._groups = panel, groups
        self._year = scope.bars_per_year
        # The float32 of the ledger, whether this run has computed a trial or found it.
        self._stored = panel.residuals.astype(np.float64)
        returns = self._stored + panel.betas[:, np.newaxis] * scope.market
        curves = hedge_across_folds(returns, scope.market)
        points = np.array([one == BACKTEST_PROTOCOL for one in panel.protocols], dtype=np.bool_)
        moving = curves.std(axis=1) > _ROUNDING * returns.std(axis=1)
        active = points & (panel.activity >= LEAST_ACTIVITY) & moving
        self._rows: list[int] = np.flatnonzero(active).tolist()
        self._curves = curves[active]
        self._points: list[int] = np.flatnonzero(points).tolist()
        self._walk_forwards: list[int] = np.flatnonzero(~points).tolist()

    def judge(self, strategies: Sequence[str]) -> list[StrategyVerdict]:
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
            self._judge_one(one, groups == one, of_grid[one], of_best[one], effective)
            for one in strategies
        ]

    def _judge_one(
        self,
        strategy: str,
        own: Bools,
        of_grid: tuple[float, float],
        of_best: tuple[float, float],
        effective: float,
    ) -> StrategyVerdict:
        split = judge_selection(self._curves[own])
        # A single point was not chosen among others: it loses or it does not.
        loss = split.loss if split else float(not of_best[0] > 0.0)
        walked, protocol, protocols = self._judge_walk_forward(strategy)
        return StrategyVerdict(
            strategy=strategy,
            grid=Criterion(self._annualize(of_grid[0]), of_grid[1], GRID_LEVEL),
            best_point=Criterion(self._annualize(of_best[0]), of_best[1], BEST_POINT_LEVEL),
            selection=Criterion(loss, loss, LOSS_LIMIT),
            walk_forward=walked,
            trials=sum(self._groups[row] == strategy for row in self._points),
            active_trials=int(own.sum()),
            competing_trials=len(self._rows),
            effective_trials=effective,
            protocol=protocol,
            protocols=protocols,
            overfitting=split.overfitting if split else None,
            best=self._describe_best(np.flatnonzero(own).tolist(), effective),
        )

    def _judge_walk_forward(self, strategy: str) -> tuple[Criterion, str, int]:
        """Return the criterion of the best walk-forward, its protocol, and how many there are.

        The p-value is times the number: the best of three has one below 5 % in 14 % of cases.
        """
        found = [(math.nan, 1.0, "")]
        rows = [row for row in self._walk_forwards if self._groups[row] == strategy]
        for row in rows:
            curve = self._stored[row]
            # Zeros stand for the bars before the first test.
            tested = curve[np.argmax(curve != 0.0) :]
            found.append((*judge_walk_forward(tested, len(rows)), self._panel.protocols[row]))
        sharpe, p_value, protocol = min(found[1:] or found, key=lambda one: one[1])
        return Criterion(self._annualize(sharpe), p_value, WALK_FORWARD_LEVEL), protocol, len(rows)

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
