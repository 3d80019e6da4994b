"""Comparisons of the newest results that can be compared: on one source, window and settings."""

import math
import sys
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on

from engine.metrics import LOWER_IS_BETTER
from research.purpose import Purpose
from resources.result_store.errors import InvalidArgumentError
from resources.result_store.frame_schemas import BACKTESTS
from resources.result_store.models import TrialScopeRow, VerdictRow
from resources.result_store.queries import read_rows
from resources.result_store.views import NEWEST_COMPARABLE

COMPARED = (
    "total_return", "sharpe_ratio", "max_drawdown", "win_rate", "profit_factor", "total_trades",
)  # fmt: skip
"""The metrics by which single backtests are compared."""


def find_best(
    engine: sa.Engine, metric: str, min_trades: int, limit: int, purpose: Purpose
) -> list[dict[str, Any]]:
    """Return the best of the newest backtests by `metric`, NULLs last, with verdicts."""
    newest = _select_newest(purpose)
    column = newest.c[metric]
    order = column.asc() if metric in LOWER_IS_BETTER else column.desc()
    statement = (
        sa.select(newest)
        .where(newest.c.closed_trades >= min_trades)
        .order_by(order.nulls_last(), newest.c.strategy, newest.c.symbol)
        .limit(limit)
    )
    return read_rows(engine, statement)


def compare_strategies(
    engine: sa.Engine, symbol: str | None, strategies: Sequence[str] | None, purpose: Purpose
) -> list[dict[str, Any]]:
    """Return one aggregate per strategy over the newest backtests, best median Sharpe first."""
    newest = _select_newest(purpose).c
    statement = sa.select(
        newest.strategy,
        _agree(newest.verdict).label("verdict"),
        sa.func.count().label("symbols"),
        *(
            median(newest[name], newest.max_drawdown)
            for name in ("sharpe_ratio", "total_return", "annualized_return", "max_drawdown")
        ),
        sa.func.min(newest.max_drawdown).label("worst_max_drawdown"),
        sa.func.avg(newest.win_rate).label("mean_win_rate"),
        sa.func.sum(newest.total_trades).label("total_trades"),
    ).group_by(newest.strategy)
    if symbol is not None:
        statement = statement.where(newest.symbol == symbol)
    if strategies is not None:
        statement = statement.where(newest.strategy.in_(strategies))
    best_first = sa.desc("median_sharpe_ratio").nulls_last()
    return read_rows(engine, statement.order_by(best_first, newest.strategy))


def compare_backtests(
    engine: sa.Engine, identifiers: Sequence[UUID], metrics: Sequence[str]
) -> dict[str, Any]:
    """Return the metrics of single backtests, and their ranking by each.

    Raises
    ------
    InvalidArgumentError
        When none of them is stored.
    """
    wanted = BACKTESTS.c.id == sa.any_(sa.literal(list(identifiers), sa.ARRAY(sa.Uuid)))
    rows = read_rows(engine, _add_verdicts(BACKTESTS).where(wanted))
    if not rows:
        raise InvalidArgumentError(
            f"None of the {len(identifiers)} backtest_ids is stored; allowed: identifiers that "
            "save_backtest_result returned."
        )
    order = {identifier: place for place, identifier in enumerate(identifiers)}
    rows.sort(key=lambda row: order[row["id"]])
    dates = [row["updated_at"] for row in rows]
    return {
        "backtests": [
            {
                "backtest_id": row["id"],
                **{name: row[name] for name in ("symbol", "strategy", "parameters", "verdict")},
                "date": row["updated_at"],
                "metrics": {name: row[name] for name in metrics},
            }
            for row in rows
        ],
        "rankings": {name: _rank(rows, name) for name in metrics},
        "summary": {
            "total_backtests": len(rows),
            "date_range": {"earliest": min(dates), "latest": max(dates)},
        },
    }


def _rank(rows: Sequence[dict[str, Any]], metric: str) -> list[dict[str, Any]]:
    defined = [row for row in rows if row[metric] is not None]
    defined.sort(key=lambda row: row[metric], reverse=metric not in LOWER_IS_BETTER)
    return [
        {"backtest_id": row["id"], "value": row[metric], "rank": place}
        for place, row in enumerate(defined, start=1)
    ]


def _agree(column: sa.ColumnElement) -> sa.ColumnElement:
    """Return what all rows have in a column, or NULL: two versions of code have two verdicts."""
    low, high = sa.func.min(column), sa.func.max(column)
    return sa.case(((sa.func.count() == sa.func.count(column)) & (low == high), high))


def median(column: sa.ColumnElement, max_drawdown: sa.ColumnElement) -> sa.ColumnElement:
    """Return the median of a column, under its name.

    A result that lost its capital counts as the lowest of all where it has no number; NULL where
    the median falls on one, as in `research.ranking`.
    """
    lowest = sa.case(
        (sa.and_(column.is_(None), max_drawdown <= -1.0), sa.literal(-math.inf)), else_=column
    )
    middle = sa.func.percentile_cont(0.5).within_group(lowest)
    # NaN, the mean with an infinite one, is the highest of all numbers to PostgreSQL.
    is_number = middle.between(-sys.float_info.max, sys.float_info.max)
    return sa.case((is_number, middle)).label(f"median_{column.key}")


def _select_newest(purpose: Purpose) -> sa.Subquery:
    """Return the newest comparable backtests of a purpose as a table, with verdicts."""
    columns = [sa.column(column.name, column.type) for column in BACKTESTS.columns]
    statement = sa.text(NEWEST_COMPARABLE).bindparams(purpose=purpose.value)
    newest = statement.columns(*columns).subquery("newest_comparable")
    return _add_verdicts(newest).subquery("newest_backtests")


def _add_verdicts(backtests: sa.FromClause) -> sa.Select:
    """Return backtests with the newest verdict on their strategy, or NULL.

    On their source, window, settings and version of the code: a verdict is of a strategy over a
    universe, whatever the symbol and the parameters of a backtest.
    """
    verdicts, scopes = (sa.inspect(model).local_table for model in (VerdictRow, TrialScopeRow))
    shared = [scopes.c[name] for name in ("source", "start_date", "end_date", "settings")]
    same = (verdicts.c.strategy, verdicts.c.code_version, *shared)
    newest = (
        sa.select(*same, verdicts.c.verdict)
        .join_from(verdicts, scopes, verdicts.c.scope_id == scopes.c.id)
        .ext(distinct_on(*same))
        .order_by(*same, verdicts.c.made_at.desc(), verdicts.c.run_id.desc())
        .subquery("newest_verdicts")
    )
    alike = sa.and_(*(newest.c[one.name] == backtests.c[one.name] for one in same))
    return sa.select(backtests, newest.c.verdict).join_from(backtests, newest, alike, isouter=True)
