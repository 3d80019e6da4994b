"""All assets, materialized in this process, as `dagster asset materialize --select '*'` does."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import dagster as dg
from dagster._core.execution.plan.objects import ErrorSource
from dagster._core.storage.tags import RUN_FAILURE_REASON_TAG
from dagster._utils.interrupts import capture_interrupts

from pipelines.automation.failure_reason import find_failure_reason
from pipelines.definitions import build_defs
from resources.config.environment import EnvironmentSettings
from strategies.errors import GauntletError

Listener = Callable[[dg.EventLogEntry], None]


def materialize_all(
    settings: EnvironmentSettings,
    run_id: str,
    tags: Mapping[str, str],
    listener: Listener,
    **run: Any,
) -> str | None:
    """Run all assets for the partitions that the tags name; return why that failed, if it did.

    Parameters
    ----------
    run_id
        The identifier that the run is to have; there is none of it if it could not be created.
    listener
        Called with each entry of the run's event log.
    run
        What else the run has: `run_config`, or an `asset_selection` instead of all assets.

    Raises
    ------
    KeyboardInterrupt
        When the run was interrupted. It has ended by then, and what it finished is kept.
    GauntletError
        When the settings are refused; there is no run then.
    """
    try:
        # An interrupt is not raised where it would leave half an event, but in the next step.
        with capture_interrupts(), dg.DagsterInstance.get() as instance:
            return _materialize(instance, settings, run_id, tags, listener, run)
    except GauntletError:
        raise
    except Exception as error:
        logging.exception("The run could not be made.")
        return f"{type(error).__name__}: {' '.join(str(error).split())}"


def _materialize(
    instance: dg.DagsterInstance,
    settings: EnvironmentSettings,
    run_id: str,
    tags: Mapping[str, str],
    listener: Listener,
    run: Mapping[str, Any],
) -> str | None:
    # A range is one run here, whatever a backfill is.
    defs = build_defs(replace(settings, symbols_per_run=None))
    job = defs.resolve_implicit_global_asset_job_def()
    instance.add_event_listener(run_id, listener)
    instance.add_event_listener(run_id, lambda entry: _cancel_if_interrupted(instance, entry))
    every = {"asset_selection": sorted(job.asset_layer.selected_asset_keys)}
    result = job.execute_in_process(
        instance=instance, run_id=run_id, tags=tags, raise_on_error=False, **{**every, **run}
    )
    if result.success:
        return None
    if _was_interrupted(result.dagster_run):
        raise KeyboardInterrupt
    return find_failure_reason(instance, run_id)


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
