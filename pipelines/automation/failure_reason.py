"""Why a run failed, in one line."""

import re
from collections.abc import Iterator
from itertools import chain

import dagster as dg
from dagster import AssetCheckEvaluation, DagsterEventType
from dagster._core.events import JobFailureData
from dagster._core.execution.plan.objects import StepFailureData
from dagster_shared.error import SerializableErrorInfo

from resources.error_lines import to_one_line
from resources.redaction import redact_text


def find_failure_reason(instance: dg.DagsterInstance, run_id: str) -> str:
    """Return why a run failed: its first failed blocking check, else its first error.

    A run that failed outside its steps, as one whose process was killed, has one line about it.
    """
    checks = list(_describe_blocking_checks(instance, run_id))
    if checks:
        more = f" (and {len(checks) - 1} more checks)" if len(checks) > 1 else ""
        return redact_text(checks[0] + more)
    errors = chain(_describe_errors(instance, run_id), _describe_ends(instance, run_id))
    return redact_text(next(errors, "the run failed without saying why"))


def find_failed_checks(instance: dg.DagsterInstance, run_id: str) -> list[str]:
    """Return the checks that did not pass in a run, warnings included, as `asset: check`."""
    return [
        f"{check.asset_key.to_user_string()}: {check.check_name}"
        for check in _get_evaluations(instance, run_id)
        if not check.passed
    ]


def _describe_blocking_checks(instance: dg.DagsterInstance, run_id: str) -> Iterator[str]:
    for check in _get_evaluations(instance, run_id):
        error = not check.passed and check.severity == dg.AssetCheckSeverity.ERROR
        if error and check.blocking:
            asset = check.asset_key.to_user_string()
            yield f"check {check.check_name} of {asset} failed. {check.description}"


def _get_evaluations(instance: dg.DagsterInstance, run_id: str) -> Iterator[AssetCheckEvaluation]:
    for entry in instance.all_logs(run_id, of_type=DagsterEventType.ASSET_CHECK_EVALUATION):
        if entry.dagster_event:
            yield entry.dagster_event.asset_check_evaluation_data


def _describe_errors(instance: dg.DagsterInstance, run_id: str) -> Iterator[str]:
    for entry in instance.all_logs(run_id, of_type=DagsterEventType.STEP_FAILURE):
        event = entry.dagster_event
        if event and event.event_specific_data:
            yield f"{event.step_key}: {_describe_cause(event.step_failure_data)}"


def _describe_ends(instance: dg.DagsterInstance, run_id: str) -> Iterator[str]:
    for entry in instance.all_logs(run_id, of_type=DagsterEventType.RUN_FAILURE):
        data = entry.dagster_event.event_specific_data if entry.dagster_event else None
        error = data.error if isinstance(data, JobFailureData) else None
        yield _describe_error(error) if error else to_one_line(entry.message)


def _describe_cause(failure: StepFailureData) -> str:
    if failure.user_failure_data and failure.user_failure_data.description:
        return failure.user_failure_data.description
    return _describe_error(failure.error) if failure.error else "failed without an error"


def _describe_error(error: SerializableErrorInfo) -> str:
    # Dagster wraps what an asset raised: the innermost cause is the reason.
    while error.cause:
        error = error.cause
    # The class without its module, which the log has.
    return re.sub(r"^[\w.]+\.(\w+: )", r"\1", to_one_line(error.message))
