"""Reads of backtests and their trades: statements built from the tables, values bound."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import polars as pl
import sqlalchemy as sa
from psycopg import sql

from research.run_spec import RunSpec
from resources.result_store.connection import translate_connection_errors
from resources.result_store.frame_queries import copy_frame, select_columns
from resources.result_store.frame_schemas import (
    BACKTESTS,
    MEMBERS,
    RESULTS_SCHEMA,
    STORED_SCHEMA,
    TRADES,
)
from resources.result_store.retry import retry_transient

_WITH_NOTES = sa.select(BACKTESTS, MEMBERS.c.notes, MEMBERS.c.execution_time).join_from(
    BACKTESTS,
    MEMBERS,
    sa.and_(MEMBERS.c.backtest_id == BACKTESTS.c.id, MEMBERS.c.run_id == ""),
    isouter=True,
)
"""Backtests, and what was said of those that no run saved."""

_NEWEST_FIRST = (BACKTESTS.c.updated_at.desc(), BACKTESTS.c.id.desc())


@retry_transient
def read_rows(engine: sa.Engine, statement: sa.Select | sa.TextClause) -> list[dict[str, Any]]:
    """Return what `statement` selects, one dict per row."""
    with translate_connection_errors(engine), engine.connect() as connection:
        return [dict(row) for row in connection.execute(statement).mappings()]


def read_backtest(engine: sa.Engine, identifier: UUID, with_trades: bool) -> dict[str, Any] | None:
    """Return a backtest, its trades under ``trades`` if wanted; None if it does not exist."""
    found = read_rows(engine, _WITH_NOTES.where(BACKTESTS.c.id == identifier))
    if not found:
        return None
    if with_trades:
        trades = sa.select(TRADES).where(TRADES.c.backtest_id == identifier)
        found[0]["trades"] = read_rows(engine, trades.order_by(TRADES.c.trade_no))
    return found[0]


def read_backtests_where(
    engine: sa.Engine, limit: int | None, **values: str
) -> list[dict[str, Any]]:
    """Return the backtests with these values in these columns, newest first."""
    conditions = [BACKTESTS.c[column] == value for column, value in values.items()]
    matching = _WITH_NOTES.where(*conditions)
    return read_rows(engine, matching.order_by(*_NEWEST_FIRST).limit(limit))


def read_run_ids(engine: sa.Engine) -> set[str]:
    """Return the runs that backtests name."""
    named = sa.select(BACKTESTS.c.run_id).distinct().where(BACKTESTS.c.run_id != "")
    return {row["run_id"] for row in read_rows(engine, named)}


def read_backtests_of_run(engine: sa.Engine, run_id: str) -> pl.DataFrame:
    """Return the results that a run has, as they were given to be saved."""
    condition = sql.SQL("id IN (SELECT backtest_id FROM run_backtests WHERE run_id = {})")
    statement = _SELECT.format(
        select_columns(RESULTS_SCHEMA), condition.format(sql.Literal(run_id))
    )
    return copy_frame(engine, statement, RESULTS_SCHEMA)


def read_backtests_by_ids(engine: sa.Engine, identifiers: Sequence[UUID]) -> pl.DataFrame:
    """Return the backtests that exist of those identifiers, and how many trades are stored."""
    count = sql.SQL("{}, (SELECT count(*) FROM trades WHERE backtest_id = id)")
    condition = sql.SQL("id = ANY({})").format(sql.Literal(list(identifiers)))
    statement = _SELECT.format(count.format(select_columns(RESULTS_SCHEMA)), condition)
    return copy_frame(engine, statement, STORED_SCHEMA)


def find_backtest_ids(engine: sa.Engine, spec: RunSpec, symbols: Sequence[str]) -> list[str]:
    """Return the identifiers of backtests of symbols with a run's source, window and code."""
    columns = BACKTESTS.c
    wanted = sa.select(columns.id).where(
        columns.symbol.in_(symbols),
        columns.source == spec.source,
        columns.start_date == spec.window.start,
        columns.end_date == spec.window.end,
        columns.code_version.in_(set(spec.code_versions.values())),
        columns.universe_version.is_not_distinct_from(spec.universe_version),
    )
    return [str(row["id"]) for row in read_rows(engine, wanted)]


_SELECT = sql.SQL("SELECT {} FROM backtests WHERE {} ORDER BY strategy, symbol, id")
