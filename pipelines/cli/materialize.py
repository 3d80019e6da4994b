"""Symbols, materialized in this process, as `dagster asset materialize` does."""

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace

import dagster as dg
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph
from dagster._core.execution.plan.objects import ErrorSource
from dagster._core.storage.tags import RUN_FAILURE_REASON_TAG
from dagster._utils.interrupts import capture_interrupts

from pipelines.automation.failure_reason import find_failure_reason
from pipelines.definitions import build_defs
from pipelines.partitions import select_partition_tags
from pipelines.symbol_runs import SymbolRun, plan_runs
from resources.config.environment import EnvironmentSettings
from resources.error_lines import describe_error
from resources.run_processes.dead_runs import end_dead_runs, get_claims
from strategies.errors import GauntletError
from strategies.fit_cache import fit_cache

Listener = Callable[[dg.EventLogEntry], None]
Plan = Callable[[AssetGraph, Collection[dg.AssetKey]], Sequence[SymbolRun]]
"""Returns the runs to make, given the graph and all its assets."""


@dataclass
class Materialized:
    """What came of the runs.

    Attributes
    ----------
    run_ids
        The runs that were started, in their order.
    succeeded
        Those of them that succeeded.
    reasons
        Why the others failed, each with its symbols if there was more than one run.
    """

    run_ids: list[str] = field(default_factory=list)
    succeeded: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)


def plan_symbols(universe: Sequence[str], symbols: Collection[str]) -> Plan:
    """Return a plan of all assets for some symbols.

    Parameters
    ----------
    universe, symbols
        All symbols in the order of the partitions, and those of them to run.
    """

    def plan(graph: AssetGraph, assets: Collection[dg.AssetKey]) -> Sequence[SymbolRun]:
        return plan_runs(graph, assets, universe, symbols)

    return plan


def materialize(
    settings: EnvironmentSettings,
    plan: Plan,
    listener: Listener,
    say: Callable[[str], None] = lambda _: None,
) -> Materialized:
    """Execute runs, one after the other.

    A run that fails does not stop those of other symbols. It does stop what has no partitions, as a
    failed check does within a run.

    Parameters
    ----------
    plan
        Returns the runs, given the graph and all its assets.
    listener
        Called with each entry of the runs' event logs.
    say
        Called with a line about runs of other processes that were found dead, and before each run,
        if there are several, with one that says which it is.

    Raises
    ------
    KeyboardInterrupt
        When a run was interrupted. It has ended by then, and what it finished is kept.
    GauntletError
        When the settings are refused; there is no run then.
    """
    done = Materialized()
    try:
        # An interrupt is not raised where it would leave half an event, but in the next step.
        with capture_interrupts(), dg.DagsterInstance.get() as instance:
            report_dead_runs(instance, say)
            # A range is one run here, whatever a backfill is.
            defs = build_defs(replace(settings, symbols_per_run=None))
            job = defs.resolve_implicit_global_asset_job_def()
            runs = plan(job.asset_layer.asset_graph, job.asset_layer.selected_asset_keys)
            for number, run in enumerate(runs, start=1):
                if done.reasons and not select_partition_tags(run.tags):
                    break
                if len(runs) > 1:
                    say(f"Run {number} of {len(runs)}: {run.label}")
                _account(done, run, _materialize(instance, job, run, listener), len(runs))
    except Exception as error:
        if isinstance(error, GauntletError) and not done.run_ids:
            raise
        logging.exception("The run could not be made.")
        done.reasons.append(describe_error(error))
    return done


def report_dead_runs(instance: dg.DagsterInstance, say: Callable[[str], None]) -> None:
    """Mark runs as ended whose process is gone, and say so in one line."""
    if dead := end_dead_runs(instance):
        runs = "1 earlier run has" if len(dead) == 1 else f"{len(dead)} earlier runs have"
        ends = ", ".join(f"{run.run_id[:8]} {run.status.value}" for run in dead)
        say(f"{runs} no process any more, and so ended: {ends}")


def _account(done: Materialized, run: SymbolRun, reason: str | None, runs: int) -> None:
    done.run_ids.append(run.run_id)
    if reason is None:
        done.succeeded.append(run.run_id)
    else:
        done.reasons.append(f"{run.label}: {reason}" if runs > 1 else reason)


def _materialize(
    instance: dg.DagsterInstance, job: dg.JobDefinition, run: SymbolRun, listener: Listener
) -> str | None:
    """Execute a run; return why it failed, if it did."""
    get_claims(instance).hold(run.run_id)
    instance.add_event_listener(run.run_id, listener)
    instance.add_event_listener(run.run_id, lambda entry: _cancel_if_interrupted(instance, entry))
    with fit_cache():
        result = job.execute_in_process(
            instance=instance,
            run_id=run.run_id,
            tags=run.tags,
            asset_selection=list(run.assets),
            run_config=dict(run.run_config),
            raise_on_error=False,
        )
    if result.success:
        return None
    if _was_interrupted(result.dagster_run):
        raise KeyboardInterrupt
    return find_failure_reason(instance, run.run_id)


def _cancel_if_interrupted(instance: dg.DagsterInstance, entry: dg.EventLogEntry) -> None:
    """Report a run whose step was interrupted as canceling, so that it ends as canceled.

    Otherwise Dagster reports a failed run, and `retry_failed` would retry its transient errors.
    """
    event = entry.dagster_event
    interrupted = (
        event
        and event.is_step_failure
        and event.step_failure_data.error_source == ErrorSource.INTERRUPT
    )
    if interrupted and (run := instance.get_run_by_id(entry.run_id)):
        instance.report_run_canceling(run)


def _was_interrupted(run: dg.DagsterRun) -> bool:
    """Return whether a run was interrupted, in a step or between two."""
    reason = run.tags.get(RUN_FAILURE_REASON_TAG)
    return run.status == dg.DagsterRunStatus.CANCELED or reason == "UNEXPECTED_TERMINATION"
