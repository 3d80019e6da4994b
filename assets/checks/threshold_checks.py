"""The gates: a stage's checks, evaluated in a step of their own between it and what follows.

Of their own, because a failing check inside a multi-asset would end the step midway. Blocking,
so that what is downstream of a broken limit does not run; the partitions already made stay.
"""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import dagster as dg

from assets.checks.check_outcomes import NOT_MEASURED, Verdict
from assets.partitions.partition_reporting import is_part_of_this_run, lineage
from research.audit.stage_profile import StageProfile
from resources.config.thresholds import Thresholds
from resources.result_store.resource import ResultStore
from resources.result_store.run_records import recent_profiles, recorded_profile

P = TypeVar("P", bound=StageProfile)
P_co = TypeVar("P_co", bound=StageProfile, covariant=True)
P_contra = TypeVar("P_contra", bound=StageProfile, contravariant=True)
Failures = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Measured(Generic[P_co]):
    """What a gate judges.

    Parameters
    ----------
    key
        The asset that is judged.
    profile
        What its stage has measured of itself; see `research.audit.stage_profile`.
    failures
        Those of the run, of all stages.
    thresholds
        The limits.
    history
        The profiles of the stage in the newest runs, this one first.
    """

    key: dg.AssetKey
    profile: P_co
    failures: Failures
    thresholds: Thresholds
    history: Sequence[P_co] = ()


@dataclass(frozen=True)
class Gate(Generic[P_contra]):
    """One check of one or more assets of a stage.

    Parameters
    ----------
    name
        The good condition, as the UI shows it.
    description
        What is measured.
    limits
        The thresholds that it is judged by, by their names in `Thresholds`.
    what_to_do
        For the reader of a check that did not pass.
    judge
        From what was measured to the verdict.
    only_warns
        Whether it stops nothing, whatever it finds.
    """

    name: str
    description: str
    limits: Sequence[str]
    what_to_do: str
    judge: Callable[[Measured[P_contra]], Verdict]
    only_warns: bool = False


def build_gates(
    stage: str, kind: type[P], keys: Sequence[dg.AssetKey], gates: Sequence[Gate[P]]
) -> dg.AssetChecksDefinition:
    """Return the checks of a stage: every gate on every one of its assets."""
    by_name = {gate.name: gate for gate in gates}
    # The first that is broken is what a run is said to have failed for.
    place = {gate.name: number for number, gate in enumerate(gates)}

    @dg.multi_asset_check(
        name=f"{stage}_gates",
        specs=[
            dg.AssetCheckSpec(gate.name, asset=key, description=gate.description, blocking=True)
            for key in keys
            for gate in gates
        ],
        can_subset=True,
    )
    def check(
        context: dg.AssetCheckExecutionContext, result_store: ResultStore, thresholds: Thresholds
    ) -> Iterator[dg.AssetCheckResult]:
        measurement_of = functools.cache(lambda runs: _measurement(result_store, runs, stage, kind))
        selection = context.selected_asset_check_keys
        for selected in sorted(selection, key=lambda one: (one.asset_key, place[one.name])):
            measurement = measurement_of(_judged_runs(context, selected.asset_key))
            if measurement:
                gate, key = by_name[selected.name], selected.asset_key
                measured = Measured(key, *measurement[:2], thresholds, measurement[2])
                verdict = _judged(gate, measured)
            else:
                verdict = NOT_MEASURED
            yield verdict.result(selected.asset_key, selected.name)

    return check


def _judged(gate: Gate[P], measured: Measured[P]) -> Verdict:
    verdict = gate.judge(measured).advising(gate.what_to_do)
    if gate.only_warns and not verdict.passed:
        return replace(verdict, severity=dg.AssetCheckSeverity.WARN)
    return verdict


def evaluations(
    key: dg.AssetKey, gates: Sequence[Gate[P]], profile: P, thresholds: Thresholds
) -> Iterator[dg.AssetCheckEvaluation]:
    """Yield the verdicts on what no step of checks can judge, for it is made outside the graph."""
    for gate in gates:
        verdict = _judged(gate, Measured(key, profile, (), thresholds))
        yield dg.AssetCheckEvaluation(
            asset_key=key,
            check_name=gate.name,
            passed=verdict.passed,
            metadata=verdict.metadata,
            severity=verdict.severity,
            description=verdict.description,
        )


def _measurement(
    store: ResultStore, runs: Sequence[str], stage: str, kind: type[P]
) -> tuple[P, Failures, Sequence[P]] | None:
    """Return the profile and the failures of the first of `runs` that measured the stage."""
    for run_id in runs:
        profile = recorded_profile(store, run_id, stage, kind)
        if profile is not None:
            history = list(recent_profiles(store, stage, kind).values())
            return profile, store.manager().get_failures(run_id), history
    return None


def _judged_runs(context: dg.AssetCheckExecutionContext, key: dg.AssetKey) -> tuple[str, ...]:
    """Return the runs to judge, the first that has measured anything.

    That is this run, or the run whose failed checks it re-executes; for a check executed alone,
    the run that made its asset last.
    """
    if is_part_of_this_run(context, key):
        return tuple(lineage(context))
    newest = context.instance.get_latest_materialization_event(key)
    return (newest.run_id,) if newest else ()
