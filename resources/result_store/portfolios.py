"""Portfolios in the store: those that a run made, and which of them a leaderboard shows."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on, insert

from research.leaderboard_scope import LeaderboardScope
from research.natural_key import json_text
from research.portfolio.row_frames import PORTFOLIOS_SCHEMA
from resources.result_store.connection import translate_connection_errors
from resources.result_store.models import PortfolioRow
from resources.result_store.queries import read_rows
from resources.result_store.retry import retry_transient
from resources.result_store.run_queries import is_of_pipeline

_PORTFOLIOS = sa.inspect(PortfolioRow).local_table
_JSON = ("definition", "parameters")


@retry_transient
def save_portfolios(engine: sa.Engine, run_id: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Save portfolios of a run, in place of those of the same names that it made before."""
    names = [row["name"] for row in rows]
    of_run = sa.delete(PortfolioRow).where(
        PortfolioRow.run_id == run_id, PortfolioRow.name.in_(names)
    )
    with translate_connection_errors(engine), engine.begin() as connection:
        connection.execute(of_run)
        if rows:
            connection.execute(insert(PortfolioRow), [{**row, "run_id": run_id} for row in rows])


def read_portfolios(engine: sa.Engine, run_id: str | None) -> pl.DataFrame:
    """Return the portfolios of a run, or the newest of each name of the pipeline, by name."""
    statement = sa.select(_PORTFOLIOS)
    if run_id is None:
        order = (_PORTFOLIOS.c.name, _PORTFOLIOS.c.made_at.desc(), _PORTFOLIOS.c.run_id.desc())
        newest = statement.where(is_of_pipeline(_PORTFOLIOS.c.run_id)).order_by(*order)
        statement = newest.ext(distinct_on(_PORTFOLIOS.c.name))
    else:
        statement = statement.where(_PORTFOLIOS.c.run_id == run_id).order_by(_PORTFOLIOS.c.name)
    rows = [_flatten(row) for row in read_rows(engine, statement)]
    return pl.DataFrame(rows, schema=PORTFOLIOS_SCHEMA)


def find_portfolios(
    engine: sa.Engine, scope: LeaderboardScope, run_ids: Sequence[str] | None
) -> dict[str, tuple[float | None, float | None]]:
    """Return return and Sharpe ratio of the newest portfolio of each strategy of a leaderboard.

    On what the leaderboard is of: source, window, settings and universe, parameters and code of the
    strategy. Only those of some runs, or of any.
    """
    table, universe = _PORTFOLIOS.c, sa.literal(list(scope.universe), sa.ARRAY(sa.Text))
    statement = (
        sa.select(
            table.name,
            table.parameters,
            table.code_versions,
            table.total_return,
            table.sharpe_ratio,
        )
        .where(
            table.name.in_(list(scope.strategies)),
            table.source == scope.source,
            table.start_date == scope.start_date,
            table.end_date == scope.end_date,
            table.settings == dict(scope.settings),
            table.universe.op("@>")(universe),
            table.universe.op("<@")(universe),
        )
        .order_by(table.made_at, table.run_id)
    )
    if run_ids is not None:
        statement = statement.where(table.run_id.in_(run_ids))
    return {
        row["name"]: (row["total_return"], row["sharpe_ratio"])
        for row in read_rows(engine, statement)
        if row["parameters"] == {row["name"]: dict(scope.strategies[row["name"]].parameters)}
        and row["code_versions"] == {row["name"]: scope.strategies[row["name"]].code_version}
    }


def _flatten(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row as the frame has it."""
    definition = row["definition"]
    flat = {
        **row,
        "strategies": ", ".join(definition["strategies"]),
        "sizing": definition["sizing"],
        "identity": str(row["identity"]),
        **{name: json_text(row[name]) for name in _JSON},
    }
    return {name: flat[name] for name in PORTFOLIOS_SCHEMA}
