"""The forward record and the positions of tomorrow as frames."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import numpy as np
import polars as pl
import sqlalchemy as sa
from psycopg import sql

from research.forward.standing import Standing, assess, count_live
from research.natural_key import json_text
from resources.result_store.forward import queries, rows
from resources.result_store.forward.schemas import (
    ACCOUNTS_SCHEMA,
    FORWARD_SCHEMA,
    POSITIONS_SCHEMA,
    RECORDS_SCHEMA,
)
from resources.result_store.frame_queries import copy_frame, select_columns


def read_records_frame(engine: sa.Engine, strategy: str | None) -> pl.DataFrame:
    """Return where each record stands, by strategy, that which goes on first."""
    records, days = _read(engine, strategy, arrays=False)
    current = _find_current(records, days)
    described = [
        _describe_record(row, days.get(row["id"], []), current=row["id"] in current)
        for row in records
    ]
    frame = pl.DataFrame(described, schema=RECORDS_SCHEMA)
    order = ["strategy", "current", "recorded_at"]
    return frame.sort(order, descending=[False, True, True])


def read_forward_frame(
    engine: sa.Engine, strategy: str | None, record: UUID | None
) -> pl.DataFrame:
    """Return the days of the records that go on, or of one, by strategy and day."""
    records, days = _read(engine, strategy, arrays=False)
    wanted = _select(records, days, record)
    described = [one for row in wanted for one in _describe_days(row, days.get(row["id"], []))]
    return pl.DataFrame(described, schema=FORWARD_SCHEMA).sort("strategy", "session")


def read_accounts_frame(
    engine: sa.Engine, strategy: str | None, record: UUID | None
) -> pl.DataFrame:
    """Return the days of the same records symbol by symbol; those without a bar are left out."""
    records, days = _read(engine, strategy, arrays=True)
    parts = [
        _describe_accounts(row, days[row["id"]])
        for row in _select(records, days, record)
        if row["id"] in days
    ]
    frame = pl.concat(parts) if parts else ACCOUNTS_SCHEMA.to_frame()
    return frame.sort("strategy", "symbol", "session")


def read_positions_frame(
    engine: sa.Engine, run_id: str | None, strategy: str | None, symbol: str | None
) -> pl.DataFrame:
    """Return the positions of a run, or of the newest one, by strategy and symbol."""
    newest = sql.SQL(
        "(SELECT run_id FROM next_positions ORDER BY made_at DESC, run_id DESC LIMIT 1)"
    )
    given = {"strategy": strategy, "symbol": symbol}
    conditions = [
        sql.SQL("run_id = {}").format(newest if run_id is None else sql.Literal(run_id)),
        *(
            sql.SQL("{} = {}").format(sql.Identifier(name), sql.Literal(value))
            for name, value in given.items()
            if value is not None
        ),
    ]
    statement = sql.SQL("SELECT {} FROM next_positions WHERE {} ORDER BY strategy, symbol").format(
        select_columns(POSITIONS_SCHEMA), sql.SQL(" AND ").join(conditions)
    )
    return copy_frame(engine, statement, POSITIONS_SCHEMA)


Rows = Sequence[Mapping[str, Any]]


def _read(engine: sa.Engine, strategy: str | None, *, arrays: bool) -> tuple[Rows, dict[UUID, Any]]:
    records = queries.read_records(engine, strategy=strategy)
    return records, queries.read_days(engine, [row["id"] for row in records], arrays=arrays)


def _select(records: Rows, days: Mapping[UUID, Rows], record: UUID | None) -> list[Any]:
    current = _find_current(records, days) if record is None else {record}
    return [row for row in records if row["id"] in current]


def _find_current(records: Rows, days: Mapping[UUID, Rows]) -> set[UUID]:
    """Return the record of each strategy to which something was added last."""

    def find_last(row: Mapping[str, Any]) -> Any:
        added = [day["recorded_at"] for day in days.get(row["id"], [])]
        return max(added, default=row["recorded_at"])

    ordered = sorted(records, key=find_last)
    return set({row["strategy"]: row["id"] for row in ordered}.values())


def _assess(row: Mapping[str, Any], days: Rows) -> Standing:
    freeze = rows.read_freeze(row)
    returns = np.array([day["universe_return"] for day in days], dtype=np.float64)
    market = np.array([day["market_return"] for day in days], dtype=np.float64)
    return assess(freeze.expectation, returns, market, freeze.bars_per_year)


def _describe_record(row: Mapping[str, Any], days: Rows, *, current: bool) -> dict[str, Any]:
    found = {
        "record_id": str(row["id"]),
        "current": current,
        "days": len(days),
        "symbols": len(row["symbols"]),
        **{name: json_text(row[name]) for name in ("parameters", "settings")},
        "revised_symbols": len({one for day in days for one in day["revised"]}),
        "alarms": 0,
        "live_days": 0,
    }
    if days:
        standing = _assess(row, days)
        sessions = np.array([day["session"] for day in days], dtype="datetime64[D]")
        alarms = [day["session"] for day, alarm in zip(days, standing.alarms, strict=True) if alarm]
        frozen_on = np.datetime64(row["recorded_at"].date())
        has_cone = row["mean"] is not None
        found |= {
            "last_session": days[-1]["session"],
            "live_days": count_live(sessions, frozen_on),
            "total_return": float(standing.total[-1]),
            "expected_return": len(days) * row["mean"] if has_cone else None,
            "inside_cone": bool(standing.inside[-1]) if has_cone else None,
            **{name: _read_last(standing, name) for name in ("cone_low", "cone_high", "decay")},
            "residual_return": _read_last(standing, "residual_total"),
            "alarms": len(alarms),
            "last_alarm": alarms[-1] if alarms else None,
        }
    names = RECORDS_SCHEMA.names()
    return {name: found.get(name, row.get(name)) for name in names}


def _read_last(standing: Standing, name: str) -> float | None:
    value = float(getattr(standing, name)[-1])
    return value if np.isfinite(value) else None


def _describe_days(row: Mapping[str, Any], days: Rows) -> Iterable[dict[str, Any]]:
    standing = _assess(row, days)
    has_cone = row["mean"] is not None
    for number, day in enumerate(days):
        expected = {
            "cone_low": standing.cone_low[number],
            "cone_high": standing.cone_high[number],
            "inside_cone": bool(standing.inside[number]) if has_cone else None,
            "residual_return": standing.residual_total[number],
            "decay": standing.decay[number],
        }
        yield {
            **dict.fromkeys(FORWARD_SCHEMA),
            **{name: day[name] for name in FORWARD_SCHEMA if name in day},
            **(expected if has_cone else {}),
            "total_return": standing.total[number],
            "strategy": row["strategy"],
            "alarm": bool(standing.alarms[number]),
            "record_id": str(row["id"]),
        }


def _describe_accounts(row: Mapping[str, Any], days: Rows) -> pl.DataFrame:
    symbols = len(row["symbols"])
    read = rows.read_days(days, symbols)
    frame = pl.DataFrame(
        {
            "strategy": row["strategy"],
            "symbol": row["symbols"] * len(days),
            "session": np.repeat(read.sessions, symbols),
            "account_return": read.accounts.ravel(),
            "side": read.sides.ravel(),
            "record_id": str(row["id"]),
        }
    )
    return frame.filter(frame["account_return"].is_not_nan()).cast(ACCOUNTS_SCHEMA)
