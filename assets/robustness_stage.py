"""The step of the tests of robustness: known ones are read, the others are run together."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID, uuid5

import dagster as dg

from assets.asset_keys import ROBUSTNESS
from assets.research_inputs import ResearchInputs
from assets.sweep_lookup import FoundSweep, find_sweep, select_curves
from engine.history import History
from research.natural_key import canonical_json
from research.protocol_version import robustness_version
from research.robustness.assessment import SweptPoints, assess_robustness
from research.robustness.day_permutation import DayPermutation
from research.robustness.permuted_sweep import compare_sweep_with_permuted_days
from research.robustness.record import describe_robustness
from resources.result_store.manager import BacktestPersistenceManager
from resources.run_artifacts.research_files import ResearchFiles
from resources.run_artifacts.sweep_files import SweepFiles
from strategies.base import Strategy


@dataclass(frozen=True)
class PlannedRobustness:
    """The tests of one strategy, whose identity is known before they are run.

    Parameters
    ----------
    strategy
        With the parameters of the run.
    sweep
        Where its neighbours are.
    permutations
        Number of orders of days that the sweep is run on again; 0 for none.
    identity
        Of all that decides the numbers.
    """

    strategy: Strategy
    sweep: FoundSweep
    permutations: int
    identity: UUID

    @classmethod
    def of(
        cls,
        context: dg.AssetExecutionContext,
        inputs: ResearchInputs,
        kind: type[Strategy],
        files: ResearchFiles,
        permutations: int,
    ) -> "PlannedRobustness":
        """Return the tests of a strategy on some inputs, with the parameters of the run.

        Raises
        ------
        StepFailedError
            When there is no sweep of the strategy on them.
        """
        strategy = inputs.run_settings.strategy_of(kind)
        scope = inputs.scope.identifier
        sweep = find_sweep(context, SweepFiles(files.root), strategy.name, inputs.scope)
        trials = [str(trial) for trial in sweep.trials]
        version, parameters = robustness_version(kind), strategy.parameters()
        key = [ROBUSTNESS, strategy.name, parameters, version, trials, permutations]
        return cls(strategy, sweep, permutations, uuid5(scope, canonical_json(key)))


@dataclass
class RobustnessStage:
    """One execution of the step.

    Parameters
    ----------
    use_known
        Whether what is in files already is used again.
    """

    context: dg.AssetExecutionContext
    inputs: ResearchInputs
    store: BacktestPersistenceManager
    files: ResearchFiles
    use_known: bool = True

    def run(self, planned: Sequence[PlannedRobustness]) -> list[PlannedRobustness]:
        """Have the file of each strategy; return what was run."""
        missing = [one for one in planned if not (self.use_known and self._is_known(one))]
        if missing:
            self._run(missing)
        return missing

    def _is_known(self, planned: PlannedRobustness) -> bool:
        return self.files.find(planned.strategy.name, planned.identity) is not None

    def _run(self, planned: Sequence[PlannedRobustness]) -> None:
        inputs, settings = self.inputs, self.inputs.run_settings
        panel = self.store.load_trial_panel(inputs.scope.identifier)
        histories = list(inputs.histories())
        found = assess_robustness(
            histories,
            [one.strategy for one in planned],
            settings.backtest_settings(),
            settings.window(),
            bars_per_year=inputs.scope.bars_per_year,
            sweeps={
                one.strategy.name: SweptPoints.of(select_curves(panel, one.sweep))
                for one in planned
            },
            universe=inputs.equal_weight,
        )
        for one, tests in zip(planned, found, strict=True):
            facts = {
                "parameters": one.strategy.parameters(),
                "version": robustness_version(type(one.strategy)),
                **describe_robustness(tests, self._permute_days(one, histories)),
            }
            self.files.write(one.strategy.name, one.identity, facts)

    def _permute_days(
        self, planned: PlannedRobustness, histories: Sequence[History]
    ) -> DayPermutation | None:
        if not planned.permutations:
            return None
        name, settings = planned.strategy.name, self.inputs.run_settings
        self.context.log.info(f"sweep of {name} on {planned.permutations} orders of days")
        return compare_sweep_with_permuted_days(
            planned.sweep.points,
            histories,
            settings.backtest_settings(),
            settings.window(),
            bars_per_year=self.inputs.scope.bars_per_year,
            permutations=planned.permutations,
        )
