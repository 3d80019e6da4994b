"""Summary of what was saved in a period."""

from datetime import UTC, date, datetime, time
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import aggregate_order_by

from research.purpose import Purpose
from research.ranking import MINIMUM_TRADES
from resources.result_store import comparisons, queries
from resources.result_store.frame_schemas import BACKTESTS, MEMBERS
from resources.result_store.models import FailureRow, Run


def summarize_period(engine: sa.Engine, start: date, end: date) -> dict[str, Any]:
    """Return the counts of a period, and one aggregate per strategy; days are those of UTC."""
    runs, failures = (sa.inspect(model).local_table for model in (Run, FailureRow))
    saved = BACKTESTS.c.id.in_(
        sa.select(MEMBERS.c.backtest_id).where(
            # All of them: named, so that the index of purpose and time serves.
            MEMBERS.c.purpose.in_([purpose.value for purpose in Purpose]),
            _is_within(MEMBERS.c.saved_at, start, end),
        )
    )
    counted = sa.select(
        sa.select(sa.func.count()).where(_is_within(runs.c.started_at, start, end))
        .scalar_subquery().label("runs"),
        sa.func.count().label("backtests"),
        sa.func.count(sa.distinct(BACKTESTS.c.symbol)).label("symbols"),
        sa.func.coalesce(sa.func.sum(BACKTESTS.c.total_trades), 0).label("trades"),
        sa.select(sa.func.count()).where(_is_within(failures.c.failed_at, start, end))
        .scalar_subquery().label("failures"),
    ).where(saved)  # fmt: skip
    (counts,) = queries.read_rows(engine, counted)
    by_strategy = queries.read_rows(engine, _select_by_strategy(saved))
    return {"start": start, "end": end, **counts, "strategies": by_strategy}


def _select_by_strategy(saved: sa.ColumnElement[bool]) -> sa.Select:
    column = BACKTESTS.c
    statement = (
        sa.select(
            column.strategy,
            sa.func.count().label("backtests"),
            sa.func.count(sa.distinct(column.symbol)).label("symbols"),
            comparisons.median(column.sharpe_ratio, column.max_drawdown),
            comparisons.median(column.total_return, column.max_drawdown),
            sa.func.min(column.max_drawdown).label("worst_max_drawdown"),
            sa.func.avg(column.win_rate).label("mean_win_rate"),
            sa.func.sum(column.total_trades).label("total_trades"),
            _select_first_symbol(column.sharpe_ratio.desc().nulls_last()).label("best_symbol"),
            _select_first_symbol(column.sharpe_ratio.asc().nulls_first()).label("worst_symbol"),
        )
        .where(saved)
        .group_by(column.strategy)
    )
    return statement.order_by(sa.desc("median_sharpe_ratio").nulls_last(), column.strategy)


def _select_first_symbol(order: sa.ColumnElement) -> sa.ColumnElement:
    """Return the symbol that comes first, of the backtests that may be ranked.

    Those without a Sharpe ratio lost their capital.
    """
    column = BACKTESTS.c
    counts = sa.or_(column.sharpe_ratio.is_not(None), column.max_drawdown <= -1.0)
    ranked = sa.and_(counts, column.closed_trades >= MINIMUM_TRADES)
    symbols = sa.func.array_agg(aggregate_order_by(
        column.symbol, order, column.symbol
    ))  # fmt: skip
    return sa.type_coerce(symbols.filter(ranked), sa.ARRAY(sa.Text))[1]


def _is_within(instant: sa.ColumnElement, start: date, end: date) -> sa.ColumnElement[bool]:
    # To the last microsecond, the finest that PostgreSQL keeps: the last date has no day after.
    first, last = datetime.combine(start, time(), UTC), datetime.combine(end, time.max, UTC)
    return instant.between(first, last)
