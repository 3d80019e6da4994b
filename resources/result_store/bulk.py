"""Write many backtests and their trades in one transaction, by COPY.

The rows go into a staging table first, because COPY itself can't update. From there one statement
upserts them in the order of their identifiers: two runs that save the same backtests lock them
in the same order, so they cannot deadlock.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

import polars as pl
import psycopg
import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError

from research.errors import InvalidResultError
from research.purpose import Purpose
from resources.result_store.connection import translate_connection_errors
from resources.result_store.frame_schemas import (
    BACKTESTS,
    MEMBERS,
    RESULTS_SCHEMA,
    TRADES,
    validate_results,
    validate_trades,
)
from resources.result_store.retry import retry_transient

_ROWS_PER_WRITE = 2_000

_REFUSALS = (psycopg.DataError, psycopg.IntegrityError)


@dataclass(frozen=True)
class Said:
    """What a person says of results: notes, and how many seconds they took."""

    notes: str | None = None
    execution_time: float | None = None


NOTHING_SAID = Said()


@retry_transient
def save(
    engine: sa.Engine,
    results: pl.DataFrame,
    trades: pl.DataFrame,
    run_id: str = "",
    purpose: Purpose = Purpose.NOTEBOOK,
    cached: Sequence[UUID] = (),
    said: Said = NOTHING_SAID,
) -> int:
    """Save `results` with their `trades` as those of a run, all or nothing.

    A result whose identifier is stored already replaces the stored one, trades included, and
    keeps its `created_at`. So saving twice leaves what saving once leaves.

    Parameters
    ----------
    results, trades
        As `frame_schemas.RESULTS_SCHEMA` and `frame_schemas.TRADES_SCHEMA` say.
    run_id, purpose
        The run that has them, and what it is for.
    cached
        Results that are stored already and that the run has, too.
    said
        Of the results, by whoever saves them.

    Returns
    -------
    How many results the run has by this: those saved, and those of `cached` that are stored.

    Raises
    ------
    InvalidResultError
        When a frame cannot be stored, or the database refuses a row.
    DatabaseUnreachableError
        When the connection breaks.
    """
    results = validate_results(results)
    trades = validate_trades(trades, results)
    if results.is_empty() and not cached:
        return 0
    members = 0
    with translate_refusals(), translate_connection_errors(engine), engine.begin() as connection:
        if not results.is_empty():
            staging = _stage(connection, results)
            _upsert(connection, staging)
            _replace_trades(connection, staging, trades)
            members += _add_members(connection, run_id, purpose, staging, said=said)
            staging.drop(connection)  # a transaction that goes on may save again
        if cached:
            condition = BACKTESTS.c.id == sa.any_(sa.literal(list(cached), sa.ARRAY(sa.Uuid)))
            members += _add_members(connection, run_id, purpose, BACKTESTS, condition)
    return members


@contextmanager
def translate_refusals() -> Iterator[None]:
    """Raise what the database refuses as one line: which rule, and which row."""
    try:
        yield
    except (DBAPIError, psycopg.Error) as error:
        original = error.orig if isinstance(error, DBAPIError) else error
        if not isinstance(original, _REFUSALS):
            raise
        detail = original.diag.message_detail or ""
        reason = f"{original.diag.message_primary or original}. {detail}".strip()
        raise InvalidResultError(f"The database refuses the rows: {reason}") from error


def _stage(connection: sa.Connection, results: pl.DataFrame) -> sa.Table:
    columns = [sa.Column(name, BACKTESTS.columns[name].type) for name in RESULTS_SCHEMA]
    staging = sa.Table(
        "staged_backtests",
        sa.MetaData(),
        *columns,
        prefixes=["TEMPORARY"],
        postgresql_on_commit="DROP",
    )
    staging.create(connection)
    _copy(connection, staging.name, results)
    return staging


def _upsert(connection: sa.Connection, staging: sa.Table) -> None:
    statement = insert(BACKTESTS).from_select(
        list(RESULTS_SCHEMA), sa.select(staging).order_by(staging.c.id), include_defaults=False
    )
    new = {name: statement.excluded[name] for name in RESULTS_SCHEMA if name != "id"}
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["id"], set_={**new, "updated_at": sa.func.now()}
        )
    )


def _replace_trades(connection: sa.Connection, staging: sa.Table, trades: pl.DataFrame) -> None:
    # The upsert holds the locks of all these backtests: no other save touches their trades.
    connection.execute(sa.delete(TRADES).where(TRADES.c.backtest_id.in_(sa.select(staging.c.id))))
    _copy(connection, TRADES.name, trades)


def _add_members(
    connection: sa.Connection,
    run_id: str,
    purpose: Purpose,
    table: sa.Table,
    condition: sa.ColumnElement[bool] | None = None,
    said: Said = NOTHING_SAID,
) -> int:
    """Say of the results in a table that a run has them; return how many they are."""
    columns = table.c.id, table.c.symbol, table.c.strategy
    words = sa.literal(said.notes, sa.Text), sa.literal(said.execution_time, sa.Double)
    given = sa.select(sa.literal(run_id), sa.literal(purpose.value), *columns, *words)
    if condition is not None:
        given = given.where(condition)
    statement = insert(MEMBERS).from_select(
        ["run_id", "purpose", "backtest_id", "symbol", "strategy", "notes", "execution_time"],
        given.order_by(table.c.id),
    )
    again = {"purpose": statement.excluded.purpose, "saved_at": sa.func.now()}
    for name in ("notes", "execution_time"):  # what was said before stands until it is replaced
        again[name] = sa.func.coalesce(statement.excluded[name], MEMBERS.c[name])
    key = ["run_id", "backtest_id"]
    statement = statement.on_conflict_do_update(index_elements=key, set_=again)
    return connection.execute(statement, execution_options={"preserve_rowcount": True}).rowcount


def _copy(connection: sa.Connection, table: str, frame: pl.DataFrame) -> None:
    """COPY `frame` into `table`, in CSV.

    polars writes that text without a Python object per value: each float as its shortest text that
    reads back as the same bits, NULL as nothing and an empty text as ``""``. A million trades are
    200 MB of it, so it is made and sent 20,000 rows at a time.
    """
    command = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, frame.columns))
    )
    with get_psycopg_connection(connection).cursor() as cursor, cursor.copy(command) as copy:
        for rows in frame.iter_slices(_ROWS_PER_WRITE):
            copy.write(rows.write_csv(include_header=False))


def get_psycopg_connection(connection: sa.Connection) -> psycopg.Connection:
    """Return the driver's own connection, which can COPY, in `connection`'s transaction."""
    driver = connection.connection.driver_connection
    if not isinstance(driver, psycopg.Connection):
        raise TypeError(f"the engine's driver is not psycopg 3 but {type(driver)}")
    return driver
