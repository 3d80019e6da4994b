"""One run over the whole universe after each session of the New York Stock Exchange."""

from collections.abc import Sequence
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from pipelines.partitions import build_partition_tags
from resources.config.environment import EnvironmentSettings
from resources.market_data.exchange_calendar import TIMEZONE, session_close

NIGHTLY = "nightly"
"""The name of the job and of its schedule."""

# Half an hour after the close of half days (13:00) and of all others (16:00): providers have the
# day's bar by then. The exchange's calendar says which close applies.
_TICKS = (time(13, 30), time(16, 30))


def build_nightly_job() -> UnresolvedAssetJobDefinition:
    """Return the job; each of its runs covers all symbols."""
    return dg.define_asset_job(
        NIGHTLY,
        selection=dg.AssetSelection.all(),
        description="The whole graph over the whole universe, in one run. The schedule of the "
        "same name launches it after each session.",
    )


def build_nightly_schedule(
    settings: EnvironmentSettings, universe: Sequence[str]
) -> dg.ScheduleDefinition:
    """Return the schedule that launches the job for a universe."""

    @dg.schedule(
        name=NIGHTLY,
        job_name=NIGHTLY,
        cron_schedule=[f"{at.minute} {at.hour} * * 1-5" for at in _TICKS],
        execution_timezone=TIMEZONE,
        default_status=dg.DefaultScheduleStatus.STOPPED,
        description="One run over all symbols, half an hour after each close of the NYSE, half "
        "days included. The window starts at GAUNTLET_START and ends with the session that has "
        "just closed, so that the leaderboard is up to date. Stopped until you start it.",
    )
    def nightly(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        tick = context.scheduled_execution_time.astimezone(ZoneInfo(TIMEZONE))
        reason = _find_skip_reason(settings, tick)
        return dg.SkipReason(reason) if reason else _build_request(universe, tick.date())

    return nightly


def _find_skip_reason(settings: EnvironmentSettings, tick: datetime) -> str | None:
    """Return why a tick requests no run; None when it does."""
    day = tick.date()
    if settings.source == "sample":
        return "The source 'sample' ends in 2013: it has no new sessions."
    if day < settings.start:
        return f"The window starts on {settings.start}, after the session of {day}."
    close = session_close(day)
    if close is None:
        return f"{day} is not a session of the NYSE."
    at = min(when for when in _TICKS if when >= close)
    if tick.time() < at:
        return f"The session of {day} closes at {close:%H:%M}: its run is at {at:%H:%M}."
    if tick.time() > at:
        return f"The session of {day} closed at {close:%H:%M}: its run was at {at:%H:%M}."
    return None


def _build_request(universe: Sequence[str], session: date) -> dg.RunRequest:
    end = {"end": session.isoformat()}
    return dg.RunRequest(
        # One run per session, however often its tick is evaluated.
        run_key=session.isoformat(),
        tags=build_partition_tags(universe[0], universe[-1]),
        run_config={"resources": {"run_settings": {"config": end}}},
    )
