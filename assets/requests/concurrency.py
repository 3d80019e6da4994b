"""Sessions: requests of analysts that run at the same time, and how they fare together."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

_LOOKS_BACK = timedelta(hours=2)
_MOST = 500


@dataclass(frozen=True)
class Session:
    """One request.

    Parameters
    ----------
    run_id
        Of the run that served it.
    began, ended
        When it was launched, and when it ended; an open one has no end yet.
    succeeded
        Whether its run did; None for an open one.
    inside
        Share of its symbols that succeeded; None for an open one.
    """

    run_id: str
    began: datetime
    ended: datetime | None
    succeeded: bool | None
    inside: float | None


@dataclass(frozen=True)
class Together:
    """Sessions of one rush, each of which overlaps with another.

    Parameters
    ----------
    sessions, ended
        How many there are, and how many of them have ended.
    succeeded
        Share of the ended ones that succeeded.
    inside
        Mean share of symbols that succeeded inside the ended ones.
    wall_seconds
        From the first launch to the last end.
    failed
        The runs that did not succeed.
    """

    sessions: int
    ended: int
    succeeded: float
    inside: float
    wall_seconds: float
    failed: Sequence[str]

    def summary(self) -> dict[str, Any]:
        """Return it as a JSON object, for the profile of the run that measured it."""
        return asdict(self)


def measured_together(
    instance: dg.DagsterInstance, run: dg.DagsterRun, inside: Mapping[str, float], succeeded: bool
) -> Together:
    """Return how the sessions fare that run together with `run`, which is about to end.

    Parameters
    ----------
    inside
        Share of symbols that succeeded, by run, `run` included.
    succeeded
        Whether `run` has.
    """
    now = datetime.now(UTC)
    sessions = [
        replace(one, ended=now, succeeded=succeeded, inside=inside[run.run_id])
        if one.run_id == run.run_id
        else one
        for one in recent_sessions(instance, run.job_name, inside)
    ]
    return together_with(run.run_id, sessions, now)


def recent_sessions(
    instance: dg.DagsterInstance, job_name: str, inside: Mapping[str, float]
) -> list[Session]:
    """Return the sessions launched lately, oldest first.

    Parameters
    ----------
    inside
        Share of symbols that succeeded, by run; that of a run that failed before it could tell is
        missing, and counts as 0.
    """
    wanted = dg.RunsFilter(job_name=job_name, created_after=datetime.now(UTC) - _LOOKS_BACK)
    records = instance.get_run_records(wanted, limit=_MOST)
    return sorted((_session(record, inside) for record in records), key=lambda one: one.began)


def _session(record: dg.RunRecord, inside: Mapping[str, float]) -> Session:
    run = record.dagster_run
    if not run.is_finished:
        return Session(run.run_id, record.create_timestamp, None, None, None)
    ended = datetime.fromtimestamp(record.end_time, UTC) if record.end_time else None
    return Session(
        run_id=run.run_id,
        began=record.create_timestamp,
        ended=ended or record.create_timestamp,
        succeeded=run.is_success,
        inside=inside.get(run.run_id, 0.0),
    )


def together_with(run_id: str, sessions: Sequence[Session], now: datetime) -> Together:
    """Return the rush that a session is part of: those that overlap, directly or by others.

    Parameters
    ----------
    sessions
        By their beginning; `run_id` is among them, and has ended.
    """
    rush = _rush(run_id, sessions, now)
    ended = [one for one in rush if one.ended is not None]
    last = max(one.ended or now for one in rush)
    return Together(
        sessions=len(rush),
        ended=len(ended),
        succeeded=sum(bool(one.succeeded) for one in ended) / len(ended),
        inside=sum(one.inside or 0.0 for one in ended) / len(ended),
        wall_seconds=(last - rush[0].began).total_seconds(),
        failed=[one.run_id for one in ended if not one.succeeded],
    )


def _rush(run_id: str, sessions: Sequence[Session], now: datetime) -> list[Session]:
    rush: list[Session] = []
    until: datetime | None = None
    for one in sessions:
        if until is not None and one.began > until:
            if any(member.run_id == run_id for member in rush):
                break
            rush, until = [], None
        rush.append(one)
        until = max(until or one.began, one.ended or now)
    return rush
