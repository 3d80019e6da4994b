"""Runs that fail, and if one likes runs in which symbols fail, are reported to a webhook."""

import os
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import dagster as dg

from pipelines.automation.failed_runs import ATTEMPT
from pipelines.automation.failure_reason import failed_checks, why_it_failed
from pipelines.automation.webhook import VARIABLE, post
from resources.result_store.resource import ResultStore
from strategies.errors import GauntletError

REPORT_FAILURES = "report_failures"
REPORT_FAILED_SYMBOLS = "report_failed_symbols"
"""The names of the sensors: of runs that fail, and of those that go on without some symbols."""

PAGE_VARIABLE = "GAUNTLET_URL"
"""Where the Dagster page is, for links; no link without it."""

_LISTED = 50

Event = Literal["run_failed", "symbols_failed"]


def build_alert_sensors() -> list[dg.SensorDefinition]:
    """Return the sensors; that of failed symbols is stopped until somebody starts it."""

    @dg.run_failure_sensor(
        name=REPORT_FAILURES,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Posts each run that fails to the webhook in {VARIABLE}, as JSON; does "
        "nothing where the variable is not set.",
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
        f"{VARIABLE}, as JSON. Stopped until somebody starts it.",
    )
    def report_failed_symbols(
        context: dg.RunStatusSensorContext, result_store: ResultStore
    ) -> dg.SkipReason | None:
        return _report(context, result_store, "symbols_failed")

    return [report_failures, report_failed_symbols]


def _report(
    context: dg.RunStatusSensorContext, result_store: ResultStore, event: Event
) -> dg.SkipReason | None:
    """Post what became of a run; say why not where there is nothing to post, or nowhere."""
    url, run_id = os.environ.get(VARIABLE, "").strip(), context.dagster_run.run_id
    if not url:
        return dg.SkipReason(f"{VARIABLE} is not set: run {run_id} is reported to nobody.")
    failures = _failures(context, result_store)
    if event == "symbols_failed" and not failures:
        return dg.SkipReason(f"No symbol failed in run {run_id}, as far as is known.")
    page = os.environ.get(PAGE_VARIABLE, "").strip()
    post(url, report_of(context.instance, context.dagster_run, event, failures, page))
    return None


def _failures(
    context: dg.RunStatusSensorContext, result_store: ResultStore
) -> list[dict[str, Any]] | None:
    """Return the run's rows of `failures`; None when the store does not answer.

    A store that is away may be the very reason of the failure that is to be reported.
    """
    try:
        return result_store.manager().get_failures(context.dagster_run.run_id)
    except GauntletError as error:
        context.log.warning(f"The symbols that failed can't be read: {error}")
        return None


def report_of(
    instance: dg.DagsterInstance,
    run: dg.DagsterRun,
    event: Event,
    failures: Sequence[Mapping[str, Any]] | None,
    page: str,
) -> dict[str, Any]:
    """Return what is posted.

    Parameters
    ----------
    failures
        Rows of the result store's `failures`; None where it did not answer.
    page
        URL of the Dagster page; empty for none.

    Returns
    -------
    The report, by name: ``text`` is a line for people, as chats show it; ``symbols`` are null
    where they are not known, and at most 50 are listed of ``symbols_failed``.
    """
    symbols = None if failures is None else sorted({row["symbol"] for row in failures})
    if event == "run_failed":
        reason = why_it_failed(instance, run.run_id)
        text = f"Run {run.run_id} of {run.job_name} failed: {reason}"
    else:
        reason = failures[0]["message"] if failures else ""
        text = f"{len(symbols or [])} symbols failed in run {run.run_id}; the first: {reason}"
    return {
        "text": text,
        "event": event,
        "run_id": run.run_id,
        "job": run.job_name,
        "user": run.tags.get("user"),
        "attempt": int(run.tags.get(ATTEMPT, "0")),
        "reason": reason,
        "symbols_failed": None if symbols is None else len(symbols),
        "symbols": symbols and symbols[:_LISTED],
        "checks": failed_checks(instance, run.run_id)[:_LISTED],
        "url": f"{page.rstrip('/')}/runs/{run.run_id}" if page else None,
    }
