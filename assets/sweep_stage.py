"""The step of the sweeps: try every point, record all trials, and only then show results."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

import dagster as dg
import numpy as np
import polars as pl

from assets.progress import StepProgress
from assets.research_inputs import ResearchInputs
from engine.failure import Failure
from engine.parameter_grid import ParameterGrid
from research.purpose import Purpose
from research.statistics.moments import compute_sharpes
from research.sweep_trials import build_trials
from research.trials import Trial, trial_id
from research.universe_sweep import UniverseSweep
from resources.result_store.manager import BacktestPersistenceManager
from resources.run_artifacts.sweep_files import (
    POINTS_SCHEMA,
    SweepFiles,
    build_curves,
    identify_sweep,
)


@dataclass(frozen=True)
class PlannedSweep:
    """The sweep of one strategy, whose identity is known before it is run.

    Parameters
    ----------
    grid
        Its points, and those that were skipped.
    code_version
        Of the strategy.
    trials
        Identifiers of the points' trials, in their order.
    identity
        Of the sweep.
    """

    strategy: str
    grid: ParameterGrid
    code_version: str
    trials: Sequence[UUID]
    identity: str


def plan_sweep(
    inputs: ResearchInputs, strategy: str, grid: ParameterGrid, code_version: str
) -> PlannedSweep:
    """Return the sweep of a strategy's points over the universe."""
    points = [one.parameters() for one in grid.strategies]
    trials = [trial_id(inputs.scope, strategy, one, code_version) for one in points]
    identity = identify_sweep(inputs.scope.identifier, trials)
    return PlannedSweep(strategy, grid, code_version, trials, identity)


@dataclass
class SweepStage:
    """One execution of the step.

    Parameters
    ----------
    use_known
        Whether what is in the ledger and in files already is used again.
    """

    context: dg.AssetExecutionContext
    inputs: ResearchInputs
    store: BacktestPersistenceManager
    files: SweepFiles
    use_known: bool = True

    def run(self, planned: Sequence[PlannedSweep]) -> list[PlannedSweep]:
        """Have the files of all sweeps, and their trials in the ledger; return what was run."""
        known = self._find_known(planned) if self.use_known else set()
        missing = [one for one in planned if one.identity not in known]
        if missing:
            self._run(missing)
        return missing

    def _find_known(self, planned: Sequence[PlannedSweep]) -> set[str]:
        recorded = self.store.find_trials([trial for one in planned for trial in one.trials])
        return {
            one.identity
            for one in planned
            if recorded.issuperset(one.trials)
            and self.files.find(one.strategy, one.identity) is not None
        }

    def _run(self, planned: Sequence[PlannedSweep]) -> None:
        inputs, settings = self.inputs, self.inputs.run_settings
        points = {one.strategy: one.grid.strategies for one in planned}
        sweep = UniverseSweep(points, settings.new_engine(), settings.window(), inputs.equal_weight)
        writers = {one.strategy: self.files.write(one.strategy, one.identity) for one in planned}
        progress, done = StepProgress(self.context, len(inputs.specs), "symbols swept"), 0
        for part in sweep.run(inputs.histories()):
            for strategy, metrics in part.items():
                writers[strategy].add(metrics)
            done += len(next(iter(part.values())).symbols)
            progress.reach(done)
        curves = sweep.curves()
        trials = [build_trials(curves[one.strategy], one.code_version) for one in planned]
        # All of them, the losers too, before anybody can read a result.
        self.store.record_trials(
            inputs.scope,
            [one for some in trials for one in some],
            purpose=Purpose.SWEEP,
            run_id=self.context.run.run_id,
        )
        for one, own in zip(planned, trials, strict=True):
            failures = [asdict(bad) for bad in sweep.failures if _concerns(bad, one.strategy)]
            facts = {"skipped": one.grid.skipped, "failures": failures}
            table = self._build_points(one, own)
            writers[one.strategy].close(table, build_curves(curves[one.strategy]), facts)

    def _build_points(self, planned: PlannedSweep, trials: Sequence[Trial]) -> pl.DataFrame:
        # Of the residuals as the ledger has them: whoever reads it gets the same numbers.
        residuals = np.array([one.residual for one in trials], dtype=np.float64)
        days = residuals.shape[1]
        sharpes = compute_sharpes(residuals) if days > 1 else np.full(len(trials), np.nan)
        columns: Mapping[str, Any] = {
            "point": range(len(trials)),
            "parameters": [json.dumps(dict(one.parameters)) for one in trials],
            "trial_id": list(map(str, planned.trials)),
            "tested_symbols": [one.tested_symbols for one in trials],
            "activity": [one.activity for one in trials],
            "beta": [one.beta for one in trials],
            "residual_return": residuals.mean(axis=1) * self.inputs.scope.bars_per_year,
            "residual_sharpe_ratio": sharpes * np.sqrt(self.inputs.scope.bars_per_year),
        }
        return pl.DataFrame(columns, schema=POINTS_SCHEMA, nan_to_null=True)


def _concerns(failure: Failure, strategy: str) -> bool:
    return failure.strategy in (None, strategy)
