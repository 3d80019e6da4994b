"""Threshold checks: those of a stage are evaluated in one step between it and what follows.

In a step of their own, because a failing check inside a multi-asset would end the step midway.
Blocking, so that nothing downstream of a broken limit runs; the partitions already made stay.
"""

import functools
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import dagster as dg

from assets.checks.check_outcomes import CheckOutcome, not_measured
from assets.partitions.upstream import is_part_of_this_run, trace_lineage
from research.audit.stage_profile import StageProfile
from resources.config.thresholds import Thresholds
from resources.result_store.resource import ResultStore
from resources.result_store.run_records import read_profile, read_recent_profiles

P = TypeVar("P", bound=StageProfile)
P_co = TypeVar("P_co", bound=StageProfile, covariant=True)
P_contra = TypeVar("P_contra", bound=StageProfile, contravariant=True)
FailureRows = Sequence[Mapping[str, Any]]

_NO_RUN = not_measured(
    "a check judges the run that materialized its asset, and there is none; materialize the asset "
    "together with its checks"
)


@dataclass(frozen=True)
class CheckInput(Generic[P_co]):
    """What a check judges.

    Parameters
    ----------
    key
        The asset that is judged.
    profile
        What its stage measured.
    thresholds
        The limits.
    failures
        Those of the run, of all stages.
    history
        The profiles of the stage in the newest runs, this one first.
    """

    key: dg.AssetKey
    profile: P_co
    thresholds: Thresholds
    failures: FailureRows = ()
    history: Sequence[P_co] = ()

    def failures_of(self, stage: str) -> FailureRows:
        """Return the failures of one stage."""
        return [failure for failure in self.failures if failure["stage"] == stage]


@dataclass(frozen=True)
class ThresholdCheck(Generic[P_contra]):
    """One check of all assets of a stage.

    An `optional` one only warns where no run has made what it judges, as where the leaderboard of
    a run is kept apart and there is no shared one.

    Parameters
    ----------
    stage
        Whose profile it judges.
    name
        The good condition, as the UI shows it.
    description
        What is measured.
    limits
        The thresholds that it is judged by, by their names in `Thresholds`.
    guidance
        What to do when it does not pass.
    judge
        From what was measured to the outcome.
    only_warns
        Whether it never stops what is downstream.
    optional
        Whether there may be nothing to judge: then it warns.
    """

    stage: str
    name: str
    description: str
    limits: Sequence[str]
    guidance: str
    judge: Callable[[CheckInput[P_contra]], CheckOutcome]
    only_warns: bool = False
    optional: bool = False

    def evaluate(self, given: CheckInput[P_contra] | None) -> CheckOutcome:
        """Return the outcome, with guidance where it did not pass; None for no run to judge."""
        outcome = _NO_RUN if given is None else self.judge(given).with_guidance(self.guidance)
        warns = self.only_warns or (self.optional and given is None)
        if warns and not outcome.passed:
            return replace(outcome, severity=dg.AssetCheckSeverity.WARN)
        return outcome


def build_threshold_checks(
    stage: str, kind: type[P], keys: Sequence[dg.AssetKey], checks: Sequence[ThresholdCheck[P]]
) -> dg.AssetChecksDefinition:
    """Return the checks of a stage that records profiles of a kind: each on all of its assets."""
    by_name = {check.name: check for check in checks}
    # The first that is broken is what a run is said to have failed for.
    order = {check.name: number for number, check in enumerate(checks)}

    @dg.multi_asset_check(
        name=f"{stage}_checks",
        specs=[
            dg.AssetCheckSpec(check.name, asset=key, description=check.description, blocking=True)
            for key in keys
            for check in checks
        ],
        can_subset=True,
    )
    def evaluate(
        context: dg.AssetCheckExecutionContext, result_store: ResultStore, thresholds: Thresholds
    ) -> Iterator[dg.AssetCheckResult]:
        read = functools.cache(lambda run_id: _read_measurement(result_store, run_id, stage, kind))
        selection = sorted(
            context.selected_asset_check_keys, key=lambda one: (one.asset_key, order[one.name])
        )
        for key, selected in itertools.groupby(selection, key=lambda one: one.asset_key):
            measured = next(filter(None, map(read, _find_runs_to_judge(context, key))), None)
            given = None
            if measured:
                profile, failures, history = measured
                given = CheckInput(key, profile, thresholds, failures, history)
            for one in selected:
                yield by_name[one.name].evaluate(given).to_result(key, one.name)

    return evaluate


def evaluate_outside_graph(
    checks: Sequence[ThresholdCheck[P]], given: CheckInput[P]
) -> Iterator[dg.AssetCheckEvaluation]:
    """Yield the outcomes for an asset that a job outside the asset graph materializes."""
    for check in checks:
        outcome = check.evaluate(given)
        yield dg.AssetCheckEvaluation(
            asset_key=given.key,
            check_name=check.name,
            passed=outcome.passed,
            metadata=outcome.metadata,
            severity=outcome.severity,
            description=outcome.description,
        )


def _read_measurement(
    store: ResultStore, run_id: str, stage: str, kind: type[P]
) -> tuple[P, FailureRows, Sequence[P]] | None:
    """Return profile, failures and history of a run; None if it did not measure the stage."""
    profile = read_profile(store, run_id, stage, kind)
    if profile is None:
        return None
    history = list(read_recent_profiles(store, stage, kind).values())
    return profile, store.manager().get_failures(run_id), history


def _find_runs_to_judge(context: dg.AssetCheckExecutionContext, key: dg.AssetKey) -> Iterator[str]:
    """Yield the runs that may have measured the stage, the one to judge first.

    That is this run, or the run that it re-executes the failed checks of, without the asset; for a
    check executed alone, and where this run has made something else than its asset (a leaderboard
    that is kept apart), the run that materialized its asset last.
    """
    if is_part_of_this_run(context, key):
        yield from trace_lineage(context, key)
    if newest := context.instance.get_latest_materialization_event(key):
        yield newest.run_id
