"""Adds a night to the forward record, all or nothing."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import TYPE_CHECKING
from uuid import UUID

import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.dialects.postgresql import insert

from research.forward.record import ForwardAddition
from resources.result_store.bulk import get_psycopg_connection, translate_refusals
from resources.result_store.connection import translate_connection_errors
from resources.result_store.forward import rows
from resources.result_store.models import (
    ForwardBarsRow,
    ForwardDayRow,
    ForwardRecordRow,
    NextPositionRow,
)
from resources.result_store.retry import retry_transient

if TYPE_CHECKING:
    from research.forward.next_positions import NextPosition

_OF_RUN = ("run_id", "source")
_GIVEN = [
    column.name
    for column in sa.inspect(NextPositionRow).local_table.columns
    if column.server_default is None and column.name not in _OF_RUN
]


@retry_transient
def append(
    engine: sa.Engine,
    run_id: str,
    source: str,
    additions: Iterable[ForwardAddition],
    positions: "Sequence[NextPosition]",
) -> int:
    """Add what a night brought; return how many days of records are new.

    Runs at the same time wait for each other. A record that has come further since it was read is
    left as it is: whoever was first has recorded the day.
    """
    by_record = rows.require_one_per_record(additions)
    with translate_refusals(), translate_connection_errors(engine), engine.begin() as connection:
        connection.execute(sa.text("LOCK TABLE forward_days IN SHARE ROW EXCLUSIVE MODE"))
        reached = _find_reached(connection, list(by_record))
        new = [
            one
            for identifier, one in by_record.items()
            if reached.get(identifier, one.since) == one.since
        ]
        added = sum(_add(connection, one, run_id, one.frozen.identifier in reached) for one in new)
        _add_positions(connection, run_id, source, positions)
        return added


@retry_transient
def remove_positions(engine: sa.Engine, run_ids: Sequence[str]) -> int:
    """Remove the positions of tomorrow of some runs; return how many there were.

    The database refuses to remove the newest ones.
    """
    of_runs = NextPositionRow.run_id == sa.any_(sa.literal(list(run_ids), sa.ARRAY(sa.Text)))
    with translate_refusals(), translate_connection_errors(engine), engine.begin() as connection:
        return connection.execute(sa.delete(NextPositionRow).where(of_runs)).rowcount


def _find_reached(connection: sa.Connection, identifiers: Sequence[UUID]) -> dict[UUID, date]:
    """Return the last day of each record that there is."""
    wanted = sa.any_(sa.literal(identifiers, sa.ARRAY(sa.Uuid)))
    last = sa.func.coalesce(sa.func.max(ForwardDayRow.session), ForwardRecordRow.session)
    statement = (
        sa.select(ForwardRecordRow.id, last.label("session"))
        .join(ForwardDayRow, ForwardDayRow.record_id == ForwardRecordRow.id, isouter=True)
        .where(ForwardRecordRow.id == wanted)
        .group_by(ForwardRecordRow.id)
    )
    return {row.id: row.session for row in connection.execute(statement)}


def _add(connection: sa.Connection, added: ForwardAddition, run_id: str, there: bool) -> int:
    begins = added.freeze is not None and not there
    days = list(rows.build_day_rows(added, run_id))
    if not begins and not days:
        return 0
    bars = insert(ForwardBarsRow).values(**rows.build_bars_row(added.known))
    connection.execute(bars.on_conflict_do_nothing())
    if added.freeze is not None and begins:
        row = rows.build_record_row(added, added.freeze, run_id)
        connection.execute(insert(ForwardRecordRow).values(**row))
    if days:
        connection.execute(insert(ForwardDayRow), days)
    return len(days)


def _add_positions(
    connection: sa.Connection, run_id: str, source: str, positions: "Sequence[NextPosition]"
) -> None:
    """Add the positions of a run once: a step that is tried again finds them there."""
    known = sa.select(NextPositionRow.run_id).where(NextPositionRow.run_id == run_id).limit(1)
    if not positions or connection.scalar(known) is not None:
        return
    names = sql.SQL(", ").join(map(sql.Identifier, (*_OF_RUN, *_GIVEN)))
    statement = sql.SQL("COPY next_positions ({}) FROM STDIN").format(names)
    with get_psycopg_connection(connection).cursor() as cursor, cursor.copy(statement) as copy:
        for one in positions:
            copy.write_row((run_id, source, *(getattr(one, name) for name in _GIVEN)))
