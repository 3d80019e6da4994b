"""Requests of analysts that run at the same time, and how they fare together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import dagster as dg

from research.audit.stage_profile import ConcurrentRequests

_LOOKS_BACK = timedelta(hours=2)
_MOST = 500


@dataclass(frozen=True)
class RequestRun:
    """The run of one request.

    Parameters
    ----------
    began, ended
        When it was launched, and when it ended; an open one has no end yet.
    succeeded
        Whether it did; None for an open one.
    symbol_success_rate
        Share of its symbols that succeeded; None for an open one.
    """

    run_id: str
    began: datetime
    ended: datetime | None
    succeeded: bool | None
    symbol_success_rate: float | None


def measure_concurrent(
    instance: dg.DagsterInstance, run: dg.DagsterRun, rates: Mapping[str, float], succeeded: bool
) -> ConcurrentRequests:
    """Return how the requests fare that run at the same time as `run`, which is about to end.

    Parameters
    ----------
    rates
        Share of symbols that succeeded, by run, `run` included.
    succeeded
        Whether `run` has.
    """
    now = datetime.now(UTC)
    runs = [
        replace(one, ended=now, succeeded=succeeded, symbol_success_rate=rates[run.run_id])
        if one.run_id == run.run_id
        else one
        for one in find_recent_requests(instance, run.job_name, rates)
    ]
    return summarize_overlapping(run.run_id, runs, now)


def find_recent_requests(
    instance: dg.DagsterInstance, job_name: str, rates: Mapping[str, float]
) -> list[RequestRun]:
    """Return the requests launched lately, oldest first.

    Parameters
    ----------
    rates
        Share of symbols that succeeded, by run; that of a run that failed before it could tell is
        missing, and counts as 0.
    """
    wanted = dg.RunsFilter(job_name=job_name, created_after=datetime.now(UTC) - _LOOKS_BACK)
    records = instance.get_run_records(wanted, limit=_MOST)
    return sorted(
        (_build_request_run(record, rates) for record in records), key=lambda one: one.began
    )


def _build_request_run(record: dg.RunRecord, rates: Mapping[str, float]) -> RequestRun:
    run = record.dagster_run
    if not run.is_finished:
        return RequestRun(run.run_id, record.create_timestamp, None, None, None)
    ended = datetime.fromtimestamp(record.end_time, UTC) if record.end_time else None
    return RequestRun(
        run_id=run.run_id,
        began=record.create_timestamp,
        ended=ended or record.create_timestamp,
        succeeded=run.is_success,
        symbol_success_rate=rates.get(run.run_id, 0.0),
    )


def summarize_overlapping(
    run_id: str, runs: Sequence[RequestRun], now: datetime
) -> ConcurrentRequests:
    """Return how those fare that overlap with a request in time, directly or by others.

    Parameters
    ----------
    runs
        By their beginning; `run_id` is among them, and has ended.
    """
    overlapping = _select_overlapping(run_id, runs, now)
    ended = [one for one in overlapping if one.ended is not None]
    last = max(one.ended or now for one in overlapping)
    return ConcurrentRequests(
        requests=len(overlapping),
        ended=len(ended),
        success_rate=sum(bool(one.succeeded) for one in ended) / len(ended),
        symbol_success_rate=sum(one.symbol_success_rate or 0.0 for one in ended) / len(ended),
        wall_seconds=(last - overlapping[0].began).total_seconds(),
        failed_runs=tuple(one.run_id for one in ended if not one.succeeded),
    )


def _select_overlapping(run_id: str, runs: Sequence[RequestRun], now: datetime) -> list[RequestRun]:
    overlapping: list[RequestRun] = []
    until: datetime | None = None
    for one in runs:
        if until is not None and one.began > until:
            if any(other.run_id == run_id for other in overlapping):
                break
            overlapping, until = [], None
        overlapping.append(one)
        until = max(until or one.began, one.ended or now)
    return overlapping
