"""Reads of runs: what was recorded of them, what failed in them, and their universes."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from research.purpose import Purpose
from resources.result_store.models import FailureRow, Run, UniverseMember
from resources.result_store.queries import read_rows


def read_run(engine: sa.Engine, run_id: str) -> dict[str, Any] | None:
    """Return what was recorded of a run, None if nothing was."""
    table = sa.inspect(Run).local_table
    found = read_rows(engine, sa.select(table).where(table.c.run_id == run_id))
    return found[0] if found else None


def is_of_pipeline(run_id: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """Return whether what a run made is not that of a what-if, or of another purpose of its own."""
    runs = sa.inspect(Run).local_table
    other = sa.select(runs.c.run_id).where(
        runs.c.run_id == run_id, runs.c.purpose != Purpose.PIPELINE.value
    )
    return ~other.exists()


def read_stage_history(
    engine: sa.Engine, stage: str, limit: int, until: datetime | None
) -> list[dict[str, Any]]:
    """Return the profiles that runs recorded of a stage, newest run first.

    Of all runs, or of those that started until a time.
    """
    table = sa.inspect(Run).local_table
    statement = (
        sa.select(table.c.run_id, table.c.started_at, table.c.profile[stage].label("profile"))
        .where(table.c.profile.has_key(stage))
        .order_by(table.c.started_at.desc(), table.c.run_id)
        .limit(limit)
    )
    if until is not None:
        statement = statement.where(table.c.started_at <= until)
    return read_rows(engine, statement)


def read_universe(engine: sa.Engine, run_id: str) -> list[dict[str, Any]]:
    """Return the symbols of the universe that a run was of, in the order of its file."""
    runs, members = (sa.inspect(model).local_table for model in (Run, UniverseMember))
    columns = (
        members.c[name] for name in ("symbol", "sector", "listed_from", "listed_to", "calendar")
    )
    statement = (
        sa.select(*columns)
        .join_from(members, runs, members.c.version == runs.c.universe_members_version)
        .where(runs.c.run_id == run_id)
        .order_by(members.c.place)
    )
    return read_rows(engine, statement)


def read_failures(engine: sa.Engine, run_id: str) -> list[dict[str, Any]]:
    """Return the failures of a run, by stage and symbol."""
    table = sa.inspect(FailureRow).local_table
    return read_rows(engine, _select_failures().where(table.c.run_id == run_id))


def read_transient_failures(engine: sa.Engine, run_ids: Sequence[str]) -> list[dict[str, Any]]:
    """Return the transient failures of runs, by stage and symbol."""
    table = sa.inspect(FailureRow).local_table
    of_runs = table.c.run_id.in_(run_ids)
    return read_rows(engine, _select_failures().where(of_runs, table.c.transient))


def _select_failures() -> sa.Select:
    table = sa.inspect(FailureRow).local_table
    return sa.select(table).order_by(table.c.stage, table.c.symbol, table.c.strategy)
