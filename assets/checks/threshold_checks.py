"""The gates: a stage's checks, evaluated in a step of their own between it and what follows.

Of their own, because a failing check inside a multi-asset would end the step midway. Blocking,
so that what is downstream of a broken limit does not run; the partitions already made stay.
"""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import dagster as dg

from assets.checks.check_outcomes import NOT_MEASURED, Verdict
from assets.partitions.partition_reporting import is_part_of_this_run, lineage
from resources.config.thresholds import Thresholds
from resources.result_store.resource import ResultStore
from resources.result_store.run_records import recent_profiles, recorded_profile

Profile = Mapping[str, Any]
Failures = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Measured:
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
    profile: Profile
    failures: Failures
    thresholds: Thresholds
    history: Sequence[Profile] = ()


@dataclass(frozen=True)
class Gate:
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
    judge: Callable[[Measured], Verdict]
    only_warns: bool = False


def build_gates(
    stage: str, keys: Sequence[dg.AssetKey], gates: Sequence[Gate]
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
        measurement_of = functools.cache(lambda runs: _measurement(result_store, runs, stage))
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


def _judged(gate: Gate, measured: Measured) -> Verdict:
    verdict = gate.judge(measured).advising(gate.what_to_do)
    if gate.only_warns and not verdict.passed:
        return replace(verdict, severity=dg.AssetCheckSeverity.WARN)
    return verdict


def evaluations(
    key: dg.AssetKey, gates: Sequence[Gate], profile: Profile, thresholds: Thresholds
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
    store: ResultStore, runs: Sequence[str], stage: str
) -> tuple[Profile, Failures, Sequence[Profile]] | None:
    """Return the profile and the failures of the first of `runs` that measured the stage."""
    for run_id in runs:
        profile = recorded_profile(store, run_id, stage)
        if profile is not None:
            manager = store.manager()
            return profile, manager.get_failures(run_id), recent_profiles(store, stage)
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
