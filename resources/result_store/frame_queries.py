"""Reads of many results and trades at once, as polars frames, by COPY."""

import io
from collections.abc import Sequence
from uuid import UUID

import polars as pl
import sqlalchemy as sa
from psycopg import sql

from research.purpose import Purpose
from resources.result_store.bulk import get_psycopg_connection
from resources.result_store.connection import translate_connection_errors
from resources.result_store.frame_schemas import RESULTS_SCHEMA, TRADES_SCHEMA
from resources.result_store.retry import retry_transient
from resources.result_store.views import NEWEST


def read_newest_backtests(
    engine: sa.Engine, purpose: Purpose, symbol: str | None, strategy: str | None
) -> pl.DataFrame:
    """Return the newest result of each symbol and strategy in runs of a purpose."""
    newest = sql.SQL(NEWEST.format(purpose="{purpose}", within="")).format(
        purpose=sql.Literal(purpose.value)
    )
    given = {"symbol": symbol, "strategy": strategy}
    conditions = [
        sql.SQL("{} = {}").format(sql.Identifier(name), sql.Literal(value))
        for name, value in given.items()
        if value is not None
    ]
    statement = sql.SQL(
        "SELECT {columns} FROM ({newest}) AS rows WHERE {conditions} ORDER BY strategy, symbol"
    ).format(
        columns=select_columns(RESULTS_SCHEMA),
        newest=newest,
        conditions=sql.SQL(" AND ").join([sql.SQL("true"), *conditions]),
    )
    return copy_frame(engine, statement, RESULTS_SCHEMA)


def read_trades(engine: sa.Engine, identifiers: Sequence[UUID]) -> pl.DataFrame:
    """Return the trades of some backtests, by backtest and number."""
    statement = sql.SQL(
        "SELECT {columns} FROM trades WHERE backtest_id = ANY({wanted}) "
        "ORDER BY backtest_id, trade_no"
    ).format(columns=select_columns(TRADES_SCHEMA), wanted=sql.Literal(list(identifiers)))
    return copy_frame(engine, statement, TRADES_SCHEMA)


def select_columns(schema: pl.Schema) -> sql.Composable:
    """Return the columns of a schema for COPY; polars reads true and false, COPY would write t."""
    return sql.SQL(", ").join(
        sql.SQL("{}::text" if dtype.is_(pl.Boolean) else "{}").format(sql.Identifier(name))
        for name, dtype in schema.items()
    )


@retry_transient
def copy_frame(engine: sa.Engine, statement: sql.Composable, schema: pl.Schema) -> pl.DataFrame:
    """Return what a statement selects, which must be the columns of the schema in their order."""
    command = sql.SQL("COPY ({}) TO STDOUT (FORMAT csv)").format(statement)
    with (
        translate_connection_errors(engine),
        engine.connect() as connection,
        get_psycopg_connection(connection).cursor() as cursor,
        cursor.copy(command) as copy,
    ):
        text = b"".join(bytes(block) for block in copy)
    if not text:
        return schema.to_frame()
    return pl.read_csv(io.BytesIO(text), has_header=False, schema=schema)
