"""The step of the walk-forwards: choose from the sweeps' trials, trade the choices, record them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

import dagster as dg
import numpy as np

from assets.research_inputs import ResearchInputs
from assets.step_failure import failing_in_one_line
from assets.sweep_lookup import FoundSweep, select_curves
from research.combinatorial_folds import CombinatorialFolds
from research.combinatorial_paths import compute_paths
from research.fold_choices import WalkForwardProtocol
from research.folds import WalkForwardFolds
from research.protocol_version import walk_forward_version
from research.purpose import Purpose
from research.trials import trial_id
from research.walk_forward import describe_grid, walk_forward
from research.walk_forward_record import describe_walk_forward
from resources.result_store.manager import BacktestPersistenceManager
from resources.run_artifacts.research_files import ResearchFiles
from strategies.base import Floats


@dataclass(frozen=True)
class PlannedWalkForward:
    """The walk-forward of one sweep, whose identity is known before it is run.

    Parameters
    ----------
    sweep
        What is chosen from.
    code_version
        Of the strategy and of the choices.
    trial
        Identifier of its trial.
    """

    sweep: FoundSweep
    code_version: str
    trial: UUID

    @classmethod
    def of(
        cls, inputs: ResearchInputs, sweep: FoundSweep, protocol: WalkForwardProtocol
    ) -> "PlannedWalkForward":
        """Return the walk-forward of a sweep by a protocol."""
        version = walk_forward_version(type(sweep.points[0]))
        grid = describe_grid(sweep.points)
        trial = trial_id(inputs.scope, sweep.strategy, grid, version, protocol.name)
        return cls(sweep, version, trial)


@dataclass
class WalkForwardStage:
    """One execution of the step.

    Parameters
    ----------
    use_known
        Whether what is in the ledger and in files already is used again.
    """

    context: dg.AssetExecutionContext
    inputs: ResearchInputs
    store: BacktestPersistenceManager
    files: ResearchFiles
    protocol: WalkForwardProtocol
    use_known: bool = True

    def run(self, planned: Sequence[PlannedWalkForward]) -> list[PlannedWalkForward]:
        """Have the trial and the file of each walk-forward; return what was run."""
        known = self._find_known(planned) if self.use_known else set()
        missing = [one for one in planned if one.trial not in known]
        if missing:
            self._run(missing)
        return missing

    def measure_paths(
        self, planned: Sequence[PlannedWalkForward], folds: CombinatorialFolds
    ) -> dict[UUID, Floats]:
        """Return the Sharpe ratios per year of the paths of each sweep, shape (paths,).

        Raises
        ------
        StepFailedError
            When the window is too short for the folds.
        """
        panel = self.store.load_trial_panel(self.inputs.scope.identifier)
        rule, year = self.protocol.choice, np.sqrt(self.inputs.scope.bars_per_year)
        with failing_in_one_line():
            return {
                one.trial: year
                * compute_paths(select_curves(panel, one.sweep), folds, rule).sharpes
                for one in planned
            }

    def _find_known(self, planned: Sequence[PlannedWalkForward]) -> set[UUID]:
        recorded = self.store.find_trials([one.trial for one in planned])
        return {
            one.trial
            for one in planned
            if one.trial in recorded and self.files.find(one.sweep.strategy, one.trial) is not None
        }

    def _run(self, planned: Sequence[PlannedWalkForward]) -> None:
        inputs, settings = self.inputs, self.inputs.run_settings
        panel = self.store.load_trial_panel(inputs.scope.identifier)
        found, failures = walk_forward(
            [select_curves(panel, one.sweep) for one in planned],
            inputs.histories(),
            settings.window(),
            settings.new_engine(),
            inputs.equal_weight,
            self.protocol,
        )
        pairs = list(zip(planned, found, strict=True))
        self.store.record_trials(
            inputs.scope,
            [walk.trial(one.sweep.points, one.code_version) for one, walk in pairs],
            purpose=Purpose.WALK_FORWARD,
            run_id=self.context.run.run_id,
        )
        for one, walk in pairs:
            concerned = [bad for bad in failures if bad.strategy in (None, one.sweep.strategy)]
            facts = {
                "strategy": one.sweep.strategy,
                "points": len(one.sweep.points),
                **describe_walk_forward(walk, self.inputs.scope.bars_per_year),
                "failures": [asdict(bad) for bad in concerned],
            }
            self.files.write(one.sweep.strategy, one.trial, facts)


def build_protocol(
    train: int, test: int, anchored: bool, choice: Any, purge: int
) -> WalkForwardProtocol:
    """Return the protocol of a step's config.

    Raises
    ------
    InvalidFoldsError
        When a value is not allowed.
    """
    return WalkForwardProtocol(WalkForwardFolds(train, test, anchored, purge), choice)


def build_combinatorial_folds(folds: int) -> CombinatorialFolds | None:
    """Return the folds of a step's config, two tested at a time; None for none.

    Raises
    ------
    InvalidFoldsError
        When the number is not allowed.
    """
    return CombinatorialFolds(folds, tested=2) if folds else None
