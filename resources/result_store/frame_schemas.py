"""The frames of results and trades that the store takes and returns.

Both schemas are derived from the tables, so that a column is named in one place only. Nothing is
repaired here: a frame is stored as it is, or refused with the reason.
"""

from collections.abc import Iterable

import polars as pl
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from research.errors import InvalidResultError
from resources.result_store.models import Backtest, RunBacktest, Trade
from strategies.errors import did_you_mean

BACKTESTS: sa.Table = sa.inspect(Backtest).local_table  # pyright: ignore[reportAssignmentType]
TRADES: sa.Table = sa.inspect(Trade).local_table  # pyright: ignore[reportAssignmentType]
MEMBERS: sa.Table = sa.inspect(RunBacktest).local_table  # pyright: ignore[reportAssignmentType]

_DTYPES: dict[type[sa.types.TypeEngine], pl.DataType] = {
    sa.Uuid: pl.String(),
    sa.Text: pl.String(),
    JSONB: pl.String(),
    sa.Date: pl.Date(),
    sa.Integer: pl.Int64(),
    sa.Double: pl.Float64(),
    sa.Boolean: pl.Boolean(),
}


def _derive_schema(table: sa.Table) -> pl.Schema:
    """Return the columns that a caller gives: all but those that the server fills in."""
    given = [column for column in table.columns if column.server_default is None]
    return pl.Schema({column.name: _DTYPES[type(column.type)] for column in given})


RESULTS_SCHEMA = _derive_schema(BACKTESTS)
"""Columns of a frame of results; identifiers and JSON are text. Build frames with this schema."""

TRADES_SCHEMA = _derive_schema(TRADES)
"""Columns of a frame of trades."""

STORED_SCHEMA = pl.Schema({**RESULTS_SCHEMA, "stored_trades": pl.Int64()})
"""Columns of results as they are read back, with the number of trades that the store holds."""

JSON_COLUMNS = tuple(column.name for column in BACKTESTS.columns if isinstance(column.type, JSONB))
"""Columns of results that hold JSON as text."""

_SHOWN = 5


def validate_results(results: pl.DataFrame) -> pl.DataFrame:
    """Return `results` in the table's order of columns.

    Raises
    ------
    InvalidResultError
        For a missing, unknown or wrongly typed column, NULL where it is not allowed, NaN, an
        infinity, or an identifier that occurs twice.
    """
    valid = _validate(results, BACKTESTS, RESULTS_SCHEMA)
    _refuse_duplicates(valid, ["id"], "results")
    return valid


def validate_trades(trades: pl.DataFrame, results: pl.DataFrame) -> pl.DataFrame:
    """Return `trades` in the table's order of columns; each must be of one of `results`.

    Raises
    ------
    InvalidResultError
        As `validate_results`, and for a trade of a backtest that is not saved along with it.
    """
    valid = _validate(trades, TRADES, TRADES_SCHEMA)
    _refuse_duplicates(valid, ["backtest_id", "trade_no"], "trades")
    owners = valid.select("backtest_id").unique()
    unknown = owners.join(results, left_on="backtest_id", right_on="id", how="anti")
    if not unknown.is_empty():
        identifiers = _sample(unknown["backtest_id"].sort())
        raise InvalidResultError(
            f"Trades of backtests that are not among the results: {identifiers}."
        )
    return valid


def _validate(frame: pl.DataFrame, table: sa.Table, schema: pl.Schema) -> pl.DataFrame:
    if not isinstance(frame, pl.DataFrame):
        raise InvalidResultError(f"The {table.name} are a {type(frame).__name__}, not a DataFrame.")
    _refuse_other_columns(frame, table.name, schema)
    ordered = frame.select(list(schema))
    _refuse_other_dtypes(ordered, table.name, schema)
    # Lossless: integers of any width, and columns of nothing but NULL.
    ordered = ordered.cast(schema)
    _refuse_nulls(ordered, table)
    _refuse_infinite(ordered, table.name)
    return ordered


def _refuse_other_columns(frame: pl.DataFrame, name: str, schema: pl.Schema) -> None:
    missing = [column for column in schema if column not in frame.columns]
    unknown = [column for column in frame.columns if column not in schema]
    if missing or unknown:
        hints = "".join(did_you_mean(column, missing or schema) for column in unknown[:1])
        raise InvalidResultError(
            f"Wrong columns of {name}: missing {_sample(missing)}; "
            f"unknown {_sample(unknown)}.{hints}"
        )


def _refuse_other_dtypes(frame: pl.DataFrame, name: str, schema: pl.Schema) -> None:
    wrong = [
        f"{column} is {dtype}, not {schema[column]}"
        for column, dtype in frame.schema.items()
        if not _is_lossless(dtype, schema[column])
    ]
    if wrong:
        raise InvalidResultError(f"Wrong types of {name}: {_sample(wrong)}.")


def _is_lossless(given: pl.DataType, wanted: pl.DataType) -> bool:
    if given.is_integer():
        return wanted.is_integer() or wanted.is_float()
    return given in (wanted, pl.Null())


def _refuse_nulls(frame: pl.DataFrame, table: sa.Table) -> None:
    required = [name for name in frame.columns if not table.columns[name].nullable]
    empty = [name for name in required if frame[name].null_count()]
    if empty:
        raise InvalidResultError(
            f"NULL in {table.name} where a value is required: {_sample(empty)}."
        )


def _refuse_infinite(frame: pl.DataFrame, name: str) -> None:
    floats = [column for column, dtype in frame.schema.items() if dtype.is_float()]
    wrong = [column for column in floats if not frame[column].is_finite().all()]
    if wrong:
        raise InvalidResultError(
            f"NaN or an infinity in {name}: {_sample(wrong)}. "
            "An undefined value is NULL, with its reason in the column 'undefined'."
        )


def _refuse_duplicates(frame: pl.DataFrame, key: list[str], name: str) -> None:
    # By their hashes first: eight bytes per row, where comparing the rows takes hundreds.
    if frame.select(key).hash_rows().n_unique() == frame.height:
        return
    duplicates = frame.filter(pl.struct(key).is_duplicated())
    if not duplicates.is_empty():
        rows = sorted({" ".join(map(str, row)) for row in duplicates.select(key).rows()})
        raise InvalidResultError(f"Duplicate {name}: {_sample(rows)}.")


def _sample(names: Iterable[str]) -> str:
    listed = list(names)
    more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return (", ".join(listed[:_SHOWN]) or "none") + more
