"""One simulated universe, from prices to verdicts, by the code that judges real ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from engine.backtest import VectorBTEngine
from engine.equal_weight import EqualWeight
from engine.history import History
from engine.parameter_grid import build_grid
from engine.settings import BacktestSettings, Window
from research.calibration.cases import Case
from research.calibration.markets import find_window
from research.fold_choices import TrialCurves, WalkForwardProtocol
from research.residuals import hedge_across_folds, hedge_positions
from research.sweep_trials import build_trials
from research.trial_panel import TrialPanel
from research.trials import Trial, TrialScope
from research.universe_curves import UniverseCurves, compute_universe_curves
from research.universe_sweep import split_curves
from research.verdicts.hedge import Hedge
from research.verdicts.judgement import reach_verdicts
from research.verdicts.strategy_verdict import StrategyVerdict
from research.walk_forward import walk_forward
from strategies.base import Floats, Strategy
from strategies.registry import registered_strategies


@dataclass(frozen=True, eq=False)
class SimulatedVerdicts:
    """What came of one universe.

    Parameters
    ----------
    verdicts
        By strategy.
    means, variances
        Of every point per bar, strategy after strategy, under each hedge, shape (N,).
    """

    verdicts: Sequence[StrategyVerdict]
    means: Mapping[Hedge, Floats]
    variances: Mapping[Hedge, Floats]


def list_rules() -> tuple[str, ...]:
    """Return the names of the strategies that fit no model.

    Verdicts know curves, and not how they came about: what is measured on rules holds for models,
    whose fits would take most of the time.
    """
    return tuple(name for name, one in registered_strategies().items() if not one.learns)


@cache
def list_points(names: tuple[str, ...]) -> Mapping[str, Sequence[Strategy]]:
    """Return the points of the full ranges of some strategies, by name."""
    return {name: build_grid(name).strategies for name in names}


def judge_simulated_universe(
    case: Case, seed: int, names: tuple[str, ...] | None = None
) -> SimulatedVerdicts:
    """Return the verdicts on one universe; the same seed gives the same.

    Parameters
    ----------
    names
        Of the strategies that are tried on it; by default those that fit no model.
    """
    points = list_points(names or list_rules())
    return judge_universe(case.market.draw(seed), find_window(), case.settings, points)


def judge_universe(
    histories: Sequence[History],
    window: Window,
    settings: BacktestSettings,
    points: Mapping[str, Sequence[Strategy]],
) -> SimulatedVerdicts:
    """Return the verdicts on a universe where nothing else was tried, all in memory.

    Parameters
    ----------
    points
        By strategy.
    """
    universe, engine = EqualWeight.of(histories, window), VectorBTEngine(settings)
    every = [one for some in points.values() for one in some]
    outcomes = engine.run_batches(histories, every, window)
    together = compute_universe_curves(outcomes, every, window, universe)
    curves = split_curves(together, points)
    sweeps = [TrialCurves.of(one) for one in curves.values()]
    walked, _ = walk_forward(sweeps, histories, window, engine, universe, WalkForwardProtocol())
    trials = [trial for one in curves.values() for trial in build_trials(one, "")]
    trials += [one.trial(points[name], "") for name, one in zip(curves, walked, strict=True)]
    panel = _build_panel(window, settings, together, trials)
    market = together.market
    hedged = {
        Hedge.SHARE: hedge_across_folds(together.returns, market),
        Hedge.POSITIONS: hedge_positions(together.returns, together.exposure, market),
    }
    versions = dict.fromkeys(points, "")
    return SimulatedVerdicts(
        reach_verdicts(panel, versions, versions),
        {name: curves.mean(axis=1) for name, curves in hedged.items()},
        {name: curves.var(axis=1, ddof=1) for name, curves in hedged.items()},
    )


def _build_panel(
    window: Window, settings: BacktestSettings, curves: UniverseCurves, trials: Sequence[Trial]
) -> TrialPanel:
    scope = TrialScope(
        source="simulated",
        symbols=(),
        data_version="",
        universe_version=None,
        start_date=window.start,
        end_date=window.end,
        settings=settings.as_dict(),
        dates=curves.dates,
        market=curves.market,
    )
    return TrialPanel.of(scope, trials)
