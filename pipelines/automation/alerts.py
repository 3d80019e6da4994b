"""Failed runs, and optionally runs without some of their symbols, are reported to a webhook."""

import os
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import dagster as dg

from pipelines.automation.failed_runs import ATTEMPT_TAG
from pipelines.automation.failure_reason import find_failed_checks, find_failure_reason
from pipelines.automation.webhook import WEBHOOK_VARIABLE, post
from resources.config.ui_address import read_ui_url
from resources.redaction import redact_text
from resources.result_store.resource import ResultStore
from strategies.errors import GauntletError

REPORT_FAILURES = "report_failures"
REPORT_FAILED_SYMBOLS = "report_failed_symbols"
"""The names of the sensors: for failed runs, and for runs that went on without some symbols."""

_LISTED = 50

Event = Literal["run_failed", "symbols_failed"]


def build_alert_sensors() -> list[dg.SensorDefinition]:
    """Return the sensors; the one for failed symbols is stopped until a user starts it."""

    @dg.run_failure_sensor(
        name=REPORT_FAILURES,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Posts each failed run to the webhook in {WEBHOOK_VARIABLE}, as JSON. Does "
        "nothing if the variable is not set.",
    )
    def report_failures(
        context: dg.RunFailureSensorContext, result_store: ResultStore
    ) -> dg.SkipReason | None:
        return _report(context, result_store, "run_failed")

    @dg.run_status_sensor(
        name=REPORT_FAILED_SYMBOLS,
        run_status=dg.DagsterRunStatus.SUCCESS,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description="Posts each run that succeeded without some of its symbols to the webhook in "
        f"{WEBHOOK_VARIABLE}, as JSON. Stopped until you start it.",
    )
    def report_failed_symbols(
        context: dg.RunStatusSensorContext, result_store: ResultStore
    ) -> dg.SkipReason | None:
        return _report(context, result_store, "symbols_failed")

    return [report_failures, report_failed_symbols]


def _report(
    context: dg.RunStatusSensorContext, result_store: ResultStore, event: Event
) -> dg.SkipReason | None:
    """Post a report of a run, or return why there is none."""
    url, run_id = os.environ.get(WEBHOOK_VARIABLE, "").strip(), context.dagster_run.run_id
    if not url:
        return dg.SkipReason(f"{WEBHOOK_VARIABLE} is not set: run {run_id} is not reported.")
    failures = _get_failures(context, result_store)
    if event == "symbols_failed" and not failures:
        return dg.SkipReason(f"No symbol is known to have failed in run {run_id}.")
    ui_url = read_ui_url()
    post(url, build_report(context.instance, context.dagster_run, event, failures, ui_url))
    return None


def _get_failures(
    context: dg.RunStatusSensorContext, result_store: ResultStore
) -> list[dict[str, Any]] | None:
    """Return the run's rows of `failures`; None if the store can't be reached.

    That may be the very reason of the failure that is to be reported.
    """
    try:
        return result_store.manager().get_failures(context.dagster_run.run_id)
    except GauntletError as error:
        context.log.warning(f"The failed symbols can't be read: {error}")
        return None


def build_report(
    instance: dg.DagsterInstance,
    run: dg.DagsterRun,
    event: Event,
    failures: Sequence[Mapping[str, Any]] | None,
    ui_url: str,
) -> dict[str, Any]:
    """Return the report that is posted.

    Parameters
    ----------
    failures
        Rows of the result store's `failures`; None if it could not be reached.
    ui_url
        URL of the Dagster UI; empty for no link.

    Returns
    -------
    The report, by name: ``text`` is the line that chats show; ``symbols`` is null if the failed
    symbols are not known, and lists at most 50 of them.
    """
    symbols = None if failures is None else sorted({row["symbol"] for row in failures})
    if event == "run_failed":
        reason = find_failure_reason(instance, run.run_id)
        text = f"Run {run.run_id} of {run.job_name} failed: {reason}"
    else:
        reason = redact_text(failures[0]["message"]) if failures else ""
        text = f"{len(symbols or [])} symbols failed in run {run.run_id}; the first: {reason}"
    return {
        "text": text,
        "event": event,
        "run_id": run.run_id,
        "job": run.job_name,
        "user": run.tags.get("user"),
        "attempt": int(run.tags.get(ATTEMPT_TAG, "0")),
        "reason": reason,
        "symbols_failed": None if symbols is None else len(symbols),
        "symbols": symbols and symbols[:_LISTED],
        "checks": find_failed_checks(instance, run.run_id)[:_LISTED],
        "url": f"{ui_url}/runs/{run.run_id}" if ui_url else None,
    }
