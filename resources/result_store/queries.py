"""What the result store answers: statements built from its tables and views, values bound."""

import io
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import polars as pl
import sqlalchemy as sa
from psycopg import sql

from research.natural_key import json_text
from research.purpose import Purpose
from resources.result_store.bulk import psycopg_connection
from resources.result_store.connection import reachable
from resources.result_store.frame_schemas import BACKTESTS, MEMBERS, RESULTS_SCHEMA, TRADES
from resources.result_store.leaderboard_scope import Comparison
from resources.result_store.models import FailureRow, Run, UniverseMember
from resources.result_store.retry import retried
from resources.result_store.views import LEADERBOARD_OF, STANDING_OF

LOWER_IS_BETTER = frozenset(
    {
        "annualized_volatility",
        "downside_volatility",
        "losing_trades",
        "max_drawdown_duration",
        "total_fees",
        "total_slippage",
        "turnover",
    }
)
"""Metrics whose best value is the lowest; drawdowns and losses are negative, so not among them."""

LEADERBOARD_SCHEMA = pl.Schema(
    {
        "rank": pl.Int64(),
        "strategy": pl.String(),
        "symbols": pl.Int64(),
        "ranked_symbols": pl.Int64(),
        "median_sharpe_ratio": pl.Float64(),
        "median_total_return": pl.Float64(),
        "median_annualized_return": pl.Float64(),
        "median_max_drawdown": pl.Float64(),
        "worst_max_drawdown": pl.Float64(),
        "mean_win_rate": pl.Float64(),
        "total_trades": pl.Int64(),
        "share_beating_benchmark": pl.Float64(),
        "start_date": pl.Date(),
        "end_date": pl.Date(),
        "source": pl.String(),
    }
)

STANDING_SCHEMA = pl.Schema(
    {
        "backtest_id": pl.String(),
        "run_id": pl.String(),
        "part": pl.Int64(),
        "strategy": pl.String(),
        "symbol": pl.String(),
        "sharpe_ratio": pl.Float64(),
        "total_return": pl.Float64(),
        "ranked": pl.Boolean(),
    }
)

_LATEST = sa.table(
    "latest_backtests", *(sa.column(column.name, column.type) for column in BACKTESTS.columns)
)
_LEADERBOARD = sa.table("leaderboard", *(sa.column(name) for name in LEADERBOARD_SCHEMA))
_NEWEST_FIRST = (BACKTESTS.c.updated_at.desc(), BACKTESTS.c.id.desc())


@retried
def rows(engine: sa.Engine, statement: sa.Select | sa.TextClause) -> list[dict[str, Any]]:
    """Return what `statement` selects, one dict a row."""
    with reachable(engine), engine.connect() as connection:
        return [dict(row) for row in connection.execute(statement).mappings()]


def backtest(engine: sa.Engine, identifier: UUID, with_trades: bool) -> dict[str, Any] | None:
    """Return a backtest, its trades under ``trades`` if wanted; None if it does not exist."""
    found = rows(engine, sa.select(BACKTESTS).where(BACKTESTS.c.id == identifier))
    if not found:
        return None
    if with_trades:
        trades = sa.select(TRADES).where(TRADES.c.backtest_id == identifier)
        found[0]["trades"] = rows(engine, trades.order_by(TRADES.c.trade_no))
    return found[0]


def backtests_where(
    engine: sa.Engine, column: str, value: str, limit: int | None
) -> list[dict[str, Any]]:
    """Return the backtests with `value` in `column`, newest first."""
    matching = sa.select(BACKTESTS).where(BACKTESTS.c[column] == value)
    return rows(engine, matching.order_by(*_NEWEST_FIRST).limit(limit))


def run_ids(engine: sa.Engine) -> set[str]:
    """Return the runs that backtests name."""
    named = sa.select(BACKTESTS.c.run_id).distinct().where(BACKTESTS.c.run_id != "")
    return {row["run_id"] for row in rows(engine, named)}


def backtests_of_run(engine: sa.Engine, run_id: str) -> pl.DataFrame:
    """Return the results that a run has, as they were given to be saved, by COPY."""
    condition = "id IN (SELECT backtest_id FROM run_backtests WHERE run_id = {})"
    return _copied(engine, sql.SQL(condition).format(sql.Literal(run_id)))


def backtests_by_ids(engine: sa.Engine, identifiers: Sequence[UUID]) -> pl.DataFrame:
    """Return the backtests that exist of those identifiers, as they were given to be saved."""
    wanted = sql.Literal(list(identifiers))
    return _copied(engine, sql.SQL("id = ANY({})").format(wanted))


@retried
def _copied(engine: sa.Engine, condition: sql.Composable) -> pl.DataFrame:
    columns = [
        # polars reads true and false, COPY would write t and f.
        sql.SQL("{}::text" if dtype.is_(pl.Boolean) else "{}").format(sql.Identifier(name))
        for name, dtype in RESULTS_SCHEMA.items()
    ]
    command = sql.SQL(
        "COPY (SELECT {} FROM backtests WHERE {} ORDER BY strategy, symbol, id) "
        "TO STDOUT (FORMAT csv)"
    ).format(sql.SQL(", ").join(columns), condition)
    with (
        reachable(engine),
        engine.connect() as connection,
        psycopg_connection(connection).cursor() as cursor,
        cursor.copy(command) as copy,
    ):
        text = b"".join(bytes(block) for block in copy)
    if not text:
        return RESULTS_SCHEMA.to_frame()
    return pl.read_csv(io.BytesIO(text), has_header=False, schema=RESULTS_SCHEMA)


def best(engine: sa.Engine, metric: str, minimum_trades: int, limit: int) -> list[dict[str, Any]]:
    """Return the best of the latest backtests by `metric`, NULLs last."""
    column = _LATEST.c[metric]
    order = column.asc() if metric in LOWER_IS_BETTER else column.desc()
    statement = (
        sa.select(_LATEST)
        .where(_LATEST.c.closed_trades >= minimum_trades, _of_the_newest_kind())
        .order_by(order.nulls_last(), _LATEST.c.strategy, _LATEST.c.symbol)
        .limit(limit)
    )
    return rows(engine, statement)


def comparison(
    engine: sa.Engine, symbol: str | None, strategies: Sequence[str] | None
) -> list[dict[str, Any]]:
    """Return one aggregate a strategy over the latest backtests, best median Sharpe first."""
    latest = _LATEST.c
    statement = (
        sa.select(
            latest.strategy,
            sa.func.count().label("symbols"),
            median(latest.sharpe_ratio),
            median(latest.total_return),
            median(latest.annualized_return),
            median(latest.max_drawdown),
            sa.func.min(latest.max_drawdown).label("worst_max_drawdown"),
            sa.func.avg(latest.win_rate).label("mean_win_rate"),
            sa.func.sum(latest.total_trades).label("total_trades"),
        )
        .where(_of_the_newest_kind())
        .group_by(latest.strategy)
    )
    if symbol is not None:
        statement = statement.where(latest.symbol == symbol)
    if strategies is not None:
        statement = statement.where(latest.strategy.in_(strategies))
    best_first = sa.desc("median_sharpe_ratio").nulls_last()
    return rows(engine, statement.order_by(best_first, latest.strategy))


def _of_the_newest_kind() -> sa.ColumnElement[bool]:
    """Return the condition that a latest backtest has the newest one's source, window and terms.

    Two sources, or two windows, do not rank against each other.
    """
    kind = ("source", "start_date", "end_date", "settings")
    newest = (
        sa.select(*(BACKTESTS.c[name] for name in kind))
        .join(MEMBERS, MEMBERS.c.backtest_id == BACKTESTS.c.id)
        .where(MEMBERS.c.purpose == Purpose.PIPELINE.value)
        .order_by(MEMBERS.c.saved_at.desc(), MEMBERS.c.backtest_id.desc())
        .limit(1)
    )
    return sa.tuple_(*(_LATEST.c[name] for name in kind)).in_(newest)


def failures(engine: sa.Engine, run_id: str) -> list[dict[str, Any]]:
    """Return the failures of a run, by stage and symbol."""
    table = sa.inspect(FailureRow).local_table
    return rows(engine, _failures_in_order().where(table.c.run_id == run_id))


def transient_failures(engine: sa.Engine, run_ids: Sequence[str]) -> list[dict[str, Any]]:
    """Return the transient failures of runs, by stage and symbol."""
    table = sa.inspect(FailureRow).local_table
    of_runs = table.c.run_id.in_(run_ids)
    return rows(engine, _failures_in_order().where(of_runs, table.c.transient))


def _failures_in_order() -> sa.Select:
    table = sa.inspect(FailureRow).local_table
    return sa.select(table).order_by(table.c.stage, table.c.symbol, table.c.strategy)


def leaderboard(engine: sa.Engine, comparison: Comparison | None) -> pl.DataFrame:
    """Return the view ``leaderboard``, or that of one comparison, best first."""
    if comparison is None:
        ranked = rows(engine, sa.select(_LEADERBOARD).order_by("rank", "strategy"))
    else:
        ranked = rows(engine, _bound(LEADERBOARD_OF, comparison))
    return pl.DataFrame(ranked, schema=LEADERBOARD_SCHEMA)


def standing(engine: sa.Engine, comparison: Comparison) -> pl.DataFrame:
    """Return the rows that the leaderboard of a comparison is made of."""
    return pl.DataFrame(rows(engine, _bound(STANDING_OF, comparison)), schema=STANDING_SCHEMA)


def _bound(query: str, comparison: Comparison) -> sa.TextClause:
    return sa.text(query).bindparams(
        sa.bindparam("universe", list(comparison.universe), sa.ARRAY(sa.Text)),
        sa.bindparam("strategies", list(comparison.strategies), sa.ARRAY(sa.Text)),
        source=comparison.source,
        start_date=comparison.start_date,
        end_date=comparison.end_date,
        settings=json_text(dict(comparison.settings)),
    )


def run(engine: sa.Engine, run_id: str) -> dict[str, Any] | None:
    """Return what was recorded of a run, None if nothing was."""
    table = sa.inspect(Run).local_table
    found = rows(engine, sa.select(table).where(table.c.run_id == run_id))
    return found[0] if found else None


def stage_history(engine: sa.Engine, stage: str, limit: int) -> list[dict[str, Any]]:
    """Return the profiles that runs recorded of a stage, newest run first."""
    table = sa.inspect(Run).local_table
    statement = (
        sa.select(table.c.run_id, table.c.started_at, table.c.profile[stage].label("profile"))
        .where(table.c.profile.has_key(stage))
        .order_by(table.c.started_at.desc(), table.c.run_id)
        .limit(limit)
    )
    return rows(engine, statement)


def universe(engine: sa.Engine, run_id: str) -> list[dict[str, Any]]:
    """Return the symbols of the universe that a run was of, in the order of its file."""
    runs, members = (sa.inspect(model).local_table for model in (Run, UniverseMember))
    columns = (members.c[name] for name in ("symbol", "sector", "listed_from", "listed_to"))
    statement = (
        sa.select(*columns)
        .join_from(members, runs, members.c.version == runs.c.universe_members_version)
        .where(runs.c.run_id == run_id)
        .order_by(members.c.place)
    )
    return rows(engine, statement)


def count_trades(engine: sa.Engine, identifiers: Sequence[UUID]) -> pl.DataFrame:
    """Return ``backtest_id`` and the number of ``trades`` the store holds of it."""
    statement = (
        sa.select(sa.cast(TRADES.c.backtest_id, sa.Text), sa.func.count().label("trades"))
        .where(TRADES.c.backtest_id == sa.any_(_array(identifiers)))
        .group_by(TRADES.c.backtest_id)
    )
    schema = {"backtest_id": pl.String, "trades": pl.Int64}
    return pl.DataFrame(rows(engine, statement), schema=schema)


def _array(identifiers: Sequence[UUID]) -> sa.BindParameter:
    return sa.bindparam(None, list(identifiers), sa.ARRAY(sa.Uuid))


def median(column: sa.ColumnElement) -> sa.ColumnElement:
    """Return the median of a column, under its name."""
    return sa.func.percentile_cont(0.5).within_group(column).label(f"median_{column.key}")
