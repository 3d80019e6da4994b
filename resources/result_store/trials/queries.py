"""Reads of the ledger: which trials there are, and their description."""

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

import polars as pl
import sqlalchemy as sa

from research.purpose import Purpose
from resources.result_store import validation
from resources.result_store.models import TrialRecord
from resources.result_store.queries import read_rows

TRIALS_SCHEMA = pl.Schema(
    {
        "id": pl.String(),
        "strategy": pl.String(),
        "parameters": pl.String(),
        "protocol": pl.String(),
        "source": pl.String(),
        "universe_symbols": pl.Int64(),
        "tested_symbols": pl.Int64(),
        "start_date": pl.Date(),
        "end_date": pl.Date(),
        "settings": pl.String(),
        "data_version": pl.String(),
        "universe_version": pl.String(),
        "code_version": pl.String(),
        "activity": pl.Float64(),
        "beta": pl.Float64(),
        "residual_return": pl.Float64(),
        "residual_sharpe_ratio": pl.Float64(),
        "purpose": pl.String(),
        "run_id": pl.String(),
        "run_user": pl.String(),
        "recorded_at": pl.Datetime("us", "UTC"),
        "scope_id": pl.String(),
    }
)
"""Columns of a frame of trials; identifiers and JSON are text."""

_TEXTS = ("id", "scope_id", "parameters", "settings")
_VIEW = sa.table("trials", sa.column("symbols"), *map(sa.column, TRIALS_SCHEMA))


def find_trials(engine: sa.Engine, identifiers: Sequence[UUID]) -> set[UUID]:
    """Return which of some trials are in the ledger."""
    wanted = sa.any_(sa.literal(list(identifiers), sa.ARRAY(sa.Uuid)))
    found = read_rows(engine, sa.select(TrialRecord.id).where(TrialRecord.id == wanted))
    return {row["id"] for row in found}


def read_trials(engine: sa.Engine, symbols: Sequence[str] | None, **values: Any) -> pl.DataFrame:
    """Return the trials with these values in these columns, and on these symbols, oldest first."""
    columns = [
        sa.cast(_VIEW.c[name], sa.Text).label(name) if name in _TEXTS else _VIEW.c[name]
        for name in TRIALS_SCHEMA
    ]
    conditions = [_VIEW.c[name] == value for name, value in values.items() if value is not None]
    if symbols is not None:
        wanted = sa.literal(list(symbols), sa.ARRAY(sa.Text))
        conditions.append(_VIEW.c.symbols.op("@>")(wanted))
    order = (_VIEW.c.recorded_at, _VIEW.c.strategy, _VIEW.c.parameters, _VIEW.c.id)
    statement = sa.select(*columns).where(*conditions).order_by(*order)
    return pl.DataFrame(read_rows(engine, statement), schema=TRIALS_SCHEMA)


def require_filters(
    texts: dict[str, Any], days: dict[str, Any], purpose: Purpose | str | None
) -> dict[str, Any]:
    """Return the values that trials are looked for by; None for those that do not matter.

    Raises
    ------
    InvalidArgumentError
        For what no trial can have.
    """
    for name, value in texts.items():
        if value is not None:
            validation.require_text(name, value)
    given = {name: day for name, day in days.items() if day is not None}
    start, end = given.get("start_date", date.min), given.get("end_date", date.max)
    validation.require_period(start, end)
    known = None if purpose is None else validation.require_purpose(purpose).value
    user = {"run_user": texts.get("user")}
    rest = {name: value for name, value in texts.items() if name != "user"}
    return {**rest, **user, **days, "purpose": known}
