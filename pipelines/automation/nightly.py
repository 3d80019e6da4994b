"""Every session of the New York Stock Exchange is followed by one run over the whole universe."""

from collections.abc import Sequence
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from pipelines.partitions import tags_of
from resources.config.environment import EnvironmentSettings
from resources.market_data.exchange_calendar import TIMEZONE, session_close

NIGHTLY = "nightly"
"""The name of the job and of its schedule."""

# Half an hour after the close of a half day (13:00) and of any other (16:00); by then a provider
# has the day's bar. Which of the two it is, the calendar says.
_TICKS = (time(13, 30), time(16, 30))


def build_nightly_job() -> UnresolvedAssetJobDefinition:
    """Return the job; each of its runs is over all symbols."""
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
        description="Half an hour after each close of the NYSE, half days included: one run over "
        "all symbols. Its window begins where the settings say and ends with the session that "
        "has closed, so that its leaderboard is of today. Stopped until somebody starts it.",
    )
    def nightly(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        tick = context.scheduled_execution_time.astimezone(ZoneInfo(TIMEZONE))
        reason = _why_not(settings, tick)
        return dg.SkipReason(reason) if reason else _request(universe, tick.date())

    return nightly


def _why_not(settings: EnvironmentSettings, tick: datetime) -> str | None:
    """Return why a tick requests no run; None when it does."""
    day = tick.date()
    if settings.source == "sample":
        return "The source 'sample' ends in 2013: no session adds to it."
    if day < settings.start:
        return f"The window begins on {settings.start}, after the session of {day}."
    close = session_close(day)
    if close is None:
        return f"{day} is no session of the NYSE."
    at = min(when for when in _TICKS if when >= close)
    if tick.time() < at:
        return f"The session of {day} closes at {close:%H:%M}: it is run at {at:%H:%M}."
    if tick.time() > at:
        return f"The session of {day} closed at {close:%H:%M}, and was run at {at:%H:%M}."
    return None


def _request(universe: Sequence[str], session: date) -> dg.RunRequest:
    end = {"end": session.isoformat()}
    return dg.RunRequest(
        # A session is run once, however often its tick is evaluated.
        run_key=session.isoformat(),
        tags=tags_of(universe[0], universe[-1]),
        run_config={"resources": {"run_settings": {"config": end}}},
    )
