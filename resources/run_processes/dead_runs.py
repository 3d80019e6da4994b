"""The end of runs whose process is gone: failed, or canceled if that was what they waited for."""

from pathlib import Path

import dagster as dg
from dagster._core.instance import DagsterInstance

from resources.run_processes.claims import RunClaims

LAST_EVENTS = {
    dg.DagsterEventType.RUN_SUCCESS,
    dg.DagsterEventType.RUN_FAILURE,
    dg.DagsterEventType.RUN_CANCELED,
}
"""The events with which a run ends."""


def get_claims(instance: DagsterInstance) -> RunClaims:
    """Return the claims of an instance: its processes share them with its local artifacts."""
    return RunClaims(Path(instance.storage_directory()).with_name("processes"))


def end_dead_runs(instance: DagsterInstance) -> list[dg.DagsterRun]:
    """Report the runs whose process is gone as ended; return them, with their new status.

    Runs that wait in the queue, and runs of which nothing is known, are left as they are.
    """
    ended = (end_if_dead(instance, run_id) for run_id in get_claims(instance).list_runs())
    return [run for run in ended if run is not None]


def end_if_dead(instance: DagsterInstance, run_id: str) -> dg.DagsterRun | None:
    """Report a run as ended if its process is gone; return it with its new status, else None.

    It is canceled if it was being canceled, else it has failed. Its slots in pools are freed.
    """
    claims = get_claims(instance)
    with claims.examine(run_id) as claim:
        if claim is None:
            return None
        # Read now: nobody but this process can change it from here on.
        run = instance.get_run_by_id(run_id)
        reason = claim.explain_death() if run and not run.is_finished else ""
        if run and reason:
            _end(instance, run, f"The run is not executed any more: {reason}.")
        if run is None or run.is_finished or reason:
            claims.remove(run_id)
    return instance.get_run_by_id(run_id) if reason else None


def _end(instance: DagsterInstance, run: dg.DagsterRun, reason: str) -> None:
    last = instance.all_logs(run.run_id, of_type=LAST_EVENTS)
    if last and last[-1].dagster_event:
        # Killed after its last event, before its status was written.
        instance.run_storage.handle_run_event(run.run_id, last[-1].dagster_event)
    elif run.status == dg.DagsterRunStatus.CANCELING:
        instance.report_run_canceled(run, reason)
    else:
        instance.report_run_failed(run, reason)
    if instance.event_log_storage.supports_global_concurrency_limits:
        instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
