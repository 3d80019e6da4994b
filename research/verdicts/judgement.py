"""How verdicts are reached.

Judged is a strategy over a universe, with every point of it that was tried: not its luckiest point,
and not each symbol by itself.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from research.residuals import hedge_across_folds, hedge_positions
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
from research.verdicts.hedge import Hedge
from research.verdicts.strategy_verdict import BestPoint, StrategyVerdict
from strategies.base import Floats, Ints

# Of a curve's deviation: one that deviates less from its hedge has done as the market, and the rest
# is the rounding of exposures, 11 bits of a share.
_ROUNDING = 1e-3


def reach_verdicts(
    competing: TrialPanel,
    code_versions: Mapping[str, str],
    walk_forward_versions: Mapping[str, str],
) -> list[StrategyVerdict]:
    """Return the verdict of each strategy, given all trials on the universe.

    Parameters
    ----------
    competing
        All trials on the universe and window. Those of the panel's own scope and of the given
        versions of the code are the judged strategies' own; the others count as further tries, but
        for walk-forwards by other code, which are not looked at.
    code_versions, walk_forward_versions
        Of the strategies that are judged, by name: of their backtests, and of their walk-forwards
        (`research.protocol_version`).
    """
    groups = _group(competing, code_versions, walk_forward_versions)
    return _Trials(competing, groups).judge(list(code_versions))


def _group(
    panel: TrialPanel, code_versions: Mapping[str, str], walk_forward_versions: Mapping[str, str]
) -> list[str]:
    """Return whose each trial is: of a judged strategy, or of what else was tried together."""
    groups: list[str] = []
    for row, strategy in enumerate(panel.strategies):
        version, scope = panel.code_versions[row], panel.scope_ids[row]
        of_points = panel.protocols[row] == BACKTEST_PROTOCOL
        versions = code_versions if of_points else walk_forward_versions
        judged = version == versions.get(strategy) and scope == panel.scope.identifier
        groups.append(strategy if judged else f"{strategy} {version} {scope}")
    return groups


class _Trials:
    """All trials, hedged, and what is the same for every strategy."""

    def __init__(self, panel: TrialPanel, groups: Sequence[str]) -> None:
        scope = panel.scope
        self._panel, self._groups = panel, groups
        self._year = scope.bars_per_year
        # As the ledger has them, whether this run has computed a trial or found it.
        self._stored = panel.residuals.astype(np.float64)
        self._exposures = panel.exposures.astype(np.float64)
        # Of a walk-forward by the mean of its folds' betas: each had its own, close to it.
        self._returns = self._stored + panel.betas[:, np.newaxis] * scope.market
        points = np.array([one == BACKTEST_PROTOCOL for one in panel.protocols], dtype=np.bool_)
        self._points: list[int] = np.flatnonzero(points).tolist()
        self._walk_forwards: list[int] = np.flatnonzero(~points).tolist()
        active = np.flatnonzero(points & (panel.activity >= LEAST_ACTIVITY))
        self._rows: list[int] = []
        curves: list[Floats] = []
        self._judged: list[tuple[str, Hedge]] = []
        for hedge in Hedge:
            hedged = self._hedge(hedge, active, slice(None))
            moving = hedged.std(axis=1) > _ROUNDING * self._returns[active].std(axis=1)
            curves.append(hedged[moving])
            rows: list[int] = active[moving].tolist()
            self._rows += rows
            self._judged += [(groups[row], hedge) for row in rows]
        self._curves = np.concatenate(curves)

    def _hedge(self, hedge: Hedge, rows: Ints, days: slice) -> Floats:
        """Return some trials on some days, hedged."""
        returns, market = self._returns[rows, days], self._panel.scope.market[days]
        if hedge is Hedge.SHARE:
            return hedge_across_folds(returns, market)
        return hedge_positions(returns, self._exposures[rows, days], market)

    def judge(self, strategies: Sequence[str]) -> list[StrategyVerdict]:
        """Return the verdicts."""
        asked = [(one, hedge) for one in strategies for hedge in Hedge]
        of_grid = of_best = dict.fromkeys(asked, (math.nan, 1.0))
        effective = 0.0
        if self._rows:
            places = defaultdict[tuple[str, Hedge], list[int]](list)
            for place, group in enumerate(self._judged):
                places[group].append(place)
            means = np.array([self._curves[some].mean(axis=0) for some in places.values()])
            of_grid = judge_against_luck(means, list(places), asked)
            of_best = judge_against_luck(self._curves, self._judged, asked)
            effective = count_effective_trials(self._curves)
        found: list[StrategyVerdict] = []
        for one in strategies:
            hedge = min(Hedge, key=lambda hedge, one=one: of_grid[one, hedge][1])
            judged = of_grid[one, hedge], of_best[one, hedge]
            found.append(self._judge_one(one, hedge, *judged, effective))
        return found

    def _judge_one(
        self,
        strategy: str,
        hedge: Hedge,
        of_grid: tuple[float, float],
        of_best: tuple[float, float],
        effective: float,
    ) -> StrategyVerdict:
        own = [at for at, group in enumerate(self._judged) if group == (strategy, hedge)]
        split = judge_selection(self._curves[own])
        # A single point was not chosen among others: it loses or it does not.
        loss = split.loss if split else float(not of_best[0] > 0.0)
        walked, protocol, protocols = self._judge_walk_forward(strategy, hedge)
        return StrategyVerdict(
            strategy=strategy,
            hedge=hedge,
            grid=Criterion(self._annualize(of_grid[0]), of_grid[1], GRID_LEVEL),
            best_point=Criterion(self._annualize(of_best[0]), of_best[1], BEST_POINT_LEVEL),
            selection=Criterion(loss, loss, LOSS_LIMIT),
            walk_forward=walked,
            trials=sum(self._groups[row] == strategy for row in self._points),
            active_trials=len(own),
            competing_trials=len(set(self._rows)),
            effective_trials=effective,
            protocol=protocol,
            protocols=protocols,
            overfitting=split.overfitting if split else None,
            best=self._describe_best(own, effective),
        )

    def _judge_walk_forward(self, strategy: str, hedge: Hedge) -> tuple[Criterion, str, int]:
        """Return the criterion of the best walk-forward, its protocol, and how many there are.

        The p-value is times the number: the best of three has one below 5 % in 14 % of cases.
        """
        found = [(math.nan, 1.0, "")]
        rows = [row for row in self._walk_forwards if self._groups[row] == strategy]
        for row in rows:
            # Zeros stand for the bars before the first test.
            tested = slice(int(np.argmax(self._stored[row] != 0.0)), None)
            curve = self._stored[row, tested]
            if hedge is Hedge.POSITIONS:
                (curve,) = self._hedge(hedge, np.array([row]), tested)
            found.append((*judge_walk_forward(curve, len(rows)), self._panel.protocols[row]))
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
