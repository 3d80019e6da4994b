"""Reads of the forward record: how far each has come, and the rows of some."""

from collections.abc import Sequence
from datetime import UTC, date
from itertools import groupby
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from research.forward.record import ForwardState
from resources.result_store.forward import rows
from resources.result_store.models import (
    ForwardBarsRow,
    ForwardDayRow,
    ForwardRecordRow,
    NextPositionRow,
)
from resources.result_store.queries import read_rows

_SCALARS = (
    *(ForwardDayRow.record_id, ForwardDayRow.session, ForwardDayRow.bars_id),
    *(ForwardDayRow.universe_return, ForwardDayRow.market_return, ForwardDayRow.exposure),
    *(ForwardDayRow.revised, ForwardDayRow.late, ForwardDayRow.absent),
    *(ForwardDayRow.run_id, ForwardDayRow.recorded_at),
)
_ARRAYS = (ForwardDayRow.accounts, ForwardDayRow.sides)


def read_position_runs(engine: sa.Engine) -> dict[date, list[str]]:
    """Return the runs that have left positions of tomorrow by day (UTC), both newest first."""
    made_at = sa.func.max(NextPositionRow.made_at)
    statement = (
        sa.select(NextPositionRow.run_id, made_at.label("made_at"))
        .group_by(NextPositionRow.run_id)
        .order_by(made_at.desc(), NextPositionRow.run_id.desc())
    )
    found: dict[date, list[str]] = {}
    for row in read_rows(engine, statement):
        found.setdefault(row["made_at"].astimezone(UTC).date(), []).append(row["run_id"])
    return found


def load_states(engine: sa.Engine, identifiers: Sequence[UUID]) -> dict[UUID, ForwardState]:
    """Return how far those of some records have come that there are."""
    records = {row["id"]: row for row in read_records(engine, identifiers)}
    days = read_days(engine, list(records))
    last = {
        identifier: days[identifier][-1]["bars_id"] if identifier in days else row["bars_id"]
        for identifier, row in records.items()
    }
    wanted = sa.any_(sa.literal(list(set(last.values())), sa.ARRAY(sa.Uuid)))
    table = sa.inspect(ForwardBarsRow).local_table
    found = read_rows(engine, sa.select(table).where(table.c.id == wanted)) if last else []
    bars = {row["id"]: rows.read_bars(row) for row in found}
    return {
        identifier: rows.read_state(row, bars[last[identifier]], days.get(identifier, []))
        for identifier, row in records.items()
    }


def read_records(
    engine: sa.Engine, identifiers: Sequence[UUID] | None = None, strategy: str | None = None
) -> list[dict[str, Any]]:
    """Return the rows of some records, or of those of a strategy, or of all; oldest first."""
    table = sa.inspect(ForwardRecordRow).local_table
    statement = sa.select(table).order_by(table.c.recorded_at, table.c.strategy, table.c.id)
    if identifiers is not None:
        wanted = sa.any_(sa.literal(list(identifiers), sa.ARRAY(sa.Uuid)))
        statement = statement.where(table.c.id == wanted)
    if strategy is not None:
        statement = statement.where(table.c.strategy == strategy)
    return read_rows(engine, statement)


def read_days(
    engine: sa.Engine, identifiers: Sequence[UUID], *, arrays: bool = False
) -> dict[UUID, list[dict[str, Any]]]:
    """Return the rows of the days of some records, by record, in order.

    Parameters
    ----------
    arrays
        Whether those of single symbols are wanted: 1 KB per day and 110 symbols.
    """
    if not identifiers:
        return {}
    record = ForwardDayRow.record_id
    wanted = sa.any_(sa.literal(list(identifiers), sa.ARRAY(sa.Uuid)))
    columns = (*_SCALARS, *(_ARRAYS if arrays else ()))
    statement = sa.select(*columns).where(record == wanted).order_by(record, ForwardDayRow.session)
    found = read_rows(engine, statement)
    return {key: list(some) for key, some in groupby(found, lambda row: row["record_id"])}
