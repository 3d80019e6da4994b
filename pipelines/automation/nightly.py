"""One run over the whole universe after each session of each of its exchanges."""

import re
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from pipelines.partitions import build_partition_tags
from research.purpose import Purpose
from resources.config.environment import EnvironmentSettings
from resources.config.run_purpose import PURPOSE_TAG
from resources.trading_calendar import DEFAULT_CALENDAR, NEW_YORK, TradingCalendar, get_calendar
from resources.universe import Universe

NIGHTLY = "nightly"
"""The name of the job, and of its schedule for New York."""

_DELAY = timedelta(minutes=30)
"""Providers have the day's bar half an hour after the close."""

# Half days and all others, as New York's calendar says: definitions load without that library.
_NEW_YORK_CLOSES = (time(13), time(16))


def build_nightly_job() -> UnresolvedAssetJobDefinition:
    """Return the job; each of its runs covers all symbols."""
    return dg.define_asset_job(
        NIGHTLY,
        selection=dg.AssetSelection.all(),
        description="The whole graph over the whole universe, in one run. The schedules that begin "
        "with this name launch it after each session of their exchange.",
    )


def build_nightly_schedules(
    settings: EnvironmentSettings, universe: Universe
) -> list[dg.ScheduleDefinition]:
    """Return a schedule for each calendar of the universe; each launches runs of all symbols."""
    return [
        _build_schedule(settings, universe.symbols, get_calendar(name))
        for name in universe.calendars
    ]


def _build_schedule(
    settings: EnvironmentSettings, symbols: Sequence[str], calendar: TradingCalendar
) -> dg.ScheduleDefinition:
    in_new_york = calendar.name == DEFAULT_CALENDAR
    timezone = NEW_YORK if in_new_york else calendar.timezone
    ticks = [
        (datetime.combine(date.min, close) + _DELAY).time()
        for close in (_NEW_YORK_CLOSES if in_new_york else calendar.closing_times())
    ]
    suffix = "" if in_new_york else "_" + re.sub(r"\W", "_", calendar.name.lower())

    @dg.schedule(
        name=NIGHTLY + suffix,
        job_name=NIGHTLY,
        cron_schedule=[
            f"{at.minute} {at.hour} * * {'1-5' if in_new_york else '*'}" for at in ticks
        ],
        execution_timezone=timezone,
        default_status=dg.DefaultScheduleStatus.STOPPED,
        description=f"One run over all symbols, half an hour after each close of {calendar.name}, "
        "half days included. The window starts at GAUNTLET_START and ends with the session that "
        "has just closed, so that the leaderboard is up to date. Stopped until you start it.",
    )
    def nightly(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        tick = context.scheduled_execution_time.astimezone(ZoneInfo(timezone))
        # The session of a day that ends with it closes at the next midnight.
        session = (tick - _DELAY - timedelta(minutes=1)).date()
        reason = _find_skip_reason(settings, session) or _find_other_tick(
            calendar, session, tick, ticks
        )
        return dg.SkipReason(reason) if reason else _build_request(symbols, session)

    return nightly


def _find_skip_reason(settings: EnvironmentSettings, session: date) -> str | None:
    """Return why no tick of a session requests a run; None when one does."""
    if settings.source == "sample":
        return "The source 'sample' ends in 2013: it has no new sessions."
    if session < settings.start:
        return f"The window starts on {settings.start}, after the session of {session}."
    return None


def _find_other_tick(
    calendar: TradingCalendar, session: date, tick: datetime, ticks: Sequence[time]
) -> str | None:
    """Return why this tick is not the session's; None when it is."""
    close = calendar.close_of(session)
    if close is None:
        return f"{session} is not a session of {calendar.name}."
    first = close + _DELAY
    days = (first.date(), first.date() + timedelta(days=1))
    due = min(
        at
        for day in days
        for when in ticks
        if (at := datetime.combine(day, when, tzinfo=close.tzinfo)) >= first
    )
    if tick < due:
        return f"The session of {session} closes at {close:%H:%M}: its run is at {due:%H:%M}."
    if tick > due:
        return f"The session of {session} closed at {close:%H:%M}: its run was at {due:%H:%M}."
    return None


def _build_request(symbols: Sequence[str], session: date) -> dg.RunRequest:
    end = {"end": session.isoformat()}
    return dg.RunRequest(
        # One run per session and exchange, however often its tick is evaluated.
        run_key=session.isoformat(),
        # A window that ends today is meant, though it is not the configured one.
        tags={**build_partition_tags(symbols[0], symbols[-1]), PURPOSE_TAG: Purpose.PIPELINE.value},
        run_config={"resources": {"run_settings": {"config": end}}},
    )
