"""Single writes to the result store: one backtest, a run, its failures, a deletion."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from typing import Any
from uuid import UUID

import polars as pl
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from engine.failure import Failure
from research.errors import InvalidResultError
from research.natural_key import NATURAL_KEY, backtest_id, json_text
from resources.result_store import bulk
from resources.result_store.connection import translate_connection_errors
from resources.result_store.frame_schemas import BACKTESTS, JSON_COLUMNS, TRADES_SCHEMA
from resources.result_store.models import FailureRow, Run, UniverseMember
from resources.result_store.retry import retry_transient
from resources.universe import Universe

_LONGEST_MESSAGE = 4000
"""Characters; a failure's row is for reading, the whole traceback is in the run's log."""


def save_backtest(
    engine: sa.Engine,
    result: Mapping[str, Any],
    trades: Sequence[Mapping[str, Any]],
    said: bulk.Said = bulk.NOTHING_SAID,
) -> UUID:
    """Save one result, given as plain values, and its trades; return its identifier."""
    identifier = _derive_id(result)
    optional = {"universe_version": None, "run_id": "", "part": 0, "undefined": {}, "seeds": {}}
    row = {**optional, **result, "id": str(identifier)}
    for name in JSON_COLUMNS:
        row[name] = json_text(row[name])
    numbered = [
        {"trade_no": number, **trade, "backtest_id": str(identifier)}
        for number, trade in enumerate(trades, start=1)
    ]
    # Types are inferred, then validated: given a schema, polars would make 1.5 trades 1.
    frame = _to_frame(numbered) if numbered else TRADES_SCHEMA.to_frame()
    bulk.save(engine, _to_frame([row]), frame, said=said)
    return identifier


@retry_transient
def record_run(engine: sa.Engine, run: Mapping[str, Any], universe: Universe | None = None) -> None:
    """Insert or update a run; its `started_at` stays that of the first call."""
    json_text(run["profile"])  # refuses NaN by name, where the database would by position
    members = _build_universe_rows(universe) if universe else []
    if members:
        run = {**run, "universe_members_version": members[0]["version"]}
    statement = insert(Run).values(**run)
    new: dict[str, sa.ColumnElement[Any]] = {
        name: statement.excluded[name] for name in run if name != "run_id"
    }
    # Two stages add to one profile: || keeps the other's keys, in whichever order.
    new["profile"] = Run.profile.op("||")(statement.excluded["profile"])
    statement = statement.on_conflict_do_update(
        index_elements=["run_id"], set_={**new, "updated_at": sa.func.now()}
    )
    with (
        bulk.translate_refusals(),
        translate_connection_errors(engine),
        engine.begin() as connection,
    ):
        if members:
            # The version is derived from all columns: rows that are stored already are the same.
            known = insert(UniverseMember).on_conflict_do_nothing()
            connection.execute(known, sorted(members, key=lambda member: member["symbol"]))
        connection.execute(statement)


@retry_transient
def record_failures(
    engine: sa.Engine, failures: Iterable[Failure], attempted: Mapping[str, Any]
) -> int:
    """Insert failures, or update those that were reported before; return how many.

    `attempted` has the columns that all of them share: run_id, stage, source and window.
    """
    # One per key, the last; in one order, so that two steps of a run never wait in a circle.
    by_key = {(item.symbol, item.strategy or ""): item for item in failures}
    if not by_key:
        return 0
    rows = [{**attempted, **_build_failure_row(by_key[key])} for key in sorted(by_key)]
    statement = insert(FailureRow)
    key = ["run_id", "stage", "symbol", "strategy"]
    new = {name: statement.excluded[name] for name in rows[0] if name not in key}
    statement = statement.on_conflict_do_update(
        constraint="uq_failures_attempt", set_={**new, "failed_at": sa.func.now()}
    )
    with (
        bulk.translate_refusals(),
        translate_connection_errors(engine),
        engine.begin() as connection,
    ):
        connection.execute(statement, rows)
    return len(rows)


@retry_transient
def delete_backtest(engine: sa.Engine, identifier: UUID) -> bool:
    """Delete a backtest, with its trades; return whether there was one."""
    statement = sa.delete(BACKTESTS).where(BACKTESTS.c.id == identifier)
    with translate_connection_errors(engine), engine.begin() as connection:
        return connection.execute(statement).rowcount > 0


def _build_universe_rows(universe: Universe) -> list[dict[str, Any]]:
    """Return a universe's rows, each with the version that all of them make."""
    rows = [{**asdict(listing), "place": n} for n, listing in enumerate(universe.listings)]
    text = json.dumps(rows, sort_keys=True, default=date.isoformat)
    version = hashlib.sha256(text.encode()).hexdigest()[:32]
    return [{**row, "version": version} for row in rows]


def _derive_id(result: Mapping[str, Any]) -> UUID:
    key = {"universe_version": None, **result}
    missing = [name for name in NATURAL_KEY if name not in key]
    if missing:
        raise InvalidResultError(f"A result without {', '.join(missing)} can't be identified.")
    for name in ("start_date", "end_date"):
        if not isinstance(result[name], date):
            raise InvalidResultError(f"{name} must be a date, not {result[name]!r}.")
    return backtest_id(**{name: key[name] for name in NATURAL_KEY})


def _to_frame(rows: list[dict[str, Any]]) -> pl.DataFrame:
    try:
        return pl.DataFrame(rows, infer_schema_length=None)
    except (pl.exceptions.PolarsError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise InvalidResultError(f"The values are of mixed types: {reason}.") from error


def _build_failure_row(failure: Failure) -> dict[str, Any]:
    # PostgreSQL's text takes every character but NUL, which a damaged feed may well contain.
    message = failure.message.replace("\0", "")[:_LONGEST_MESSAGE]
    return {**asdict(failure), "message": message}
