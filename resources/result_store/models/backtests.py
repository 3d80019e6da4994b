"""The results: a backtest per row, and its trades."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Double, ForeignKey, Index, Integer, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from engine.metrics import METRICS
from engine.positions import EXIT_REASONS
from research.natural_key import NATURAL_KEY
from resources.result_store.models.base import Base, finite, one_of

# Sorted, so that another order of the catalogue is no change of the schema.
_MEASURED = sorted(metric.name for metric in METRICS.values() if metric.kind != "count")


class Backtest(Base):
    """One strategy on one symbol over one window: what went in, and every metric.

    Each metric of `engine.metrics.METRICS` is a column of its name. One that is undefined is NULL,
    and `undefined` has the reason under the metric's name.
    `seeds` has the random seeds among the parameters, by name. `universe_version` names the
    equal-weight universe that the row was compared with, NULL for none. `run_id` is the run that
    computed it, "" for none: the files of its `part` hold the curve. Which runs have it is in
    `run_backtests`.
    """

    __tablename__ = "backtests"
    __table_args__ = (
        # Deferrable: an insert that loses a race for a new row meets this index before it has
        # yielded to `ON CONFLICT (id)`; checked at once, it would fail instead of updating.
        UniqueConstraint(
            *NATURAL_KEY,
            name="uq_backtests_natural_key",
            deferrable=True,
            postgresql_nulls_not_distinct=True,
        ),
        CheckConstraint("start_date <= end_date", name="window"),
        CheckConstraint("first_session <= last_session", name="sessions"),
        CheckConstraint("data_points >= 1", name="data_points"),
        CheckConstraint(finite(_MEASURED), name="finite"),
        CheckConstraint("jsonb_typeof(seeds) = 'object'", name="seeds"),
        # Reads of a symbol and of a strategy find their rows, newest first, without sorting them.
        Index("ix_backtests_symbol_newest", "symbol", "updated_at", "id"),
        Index("ix_backtests_strategy", "strategy", "updated_at", "id"),
        Index("ix_backtests_run_id", "run_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    symbol: Mapped[str]
    strategy: Mapped[str]
    parameters: Mapped[dict[str, Any]]
    start_date: Mapped[date]
    end_date: Mapped[date]
    settings: Mapped[dict[str, Any]]
    source: Mapped[str]
    data_version: Mapped[str]
    code_version: Mapped[str]
    universe_version: Mapped[str | None]

    first_session: Mapped[date]
    last_session: Mapped[date]
    data_points: Mapped[int]
    ended_early: Mapped[bool]
    price_basis: Mapped[str]
    execution: Mapped[str]
    bars_per_year: Mapped[float]
    gauntlet_version: Mapped[str]
    row_version: Mapped[str]
    run_id: Mapped[str]
    part: Mapped[int]

    undefined: Mapped[dict[str, Any]]
    seeds: Mapped[dict[str, Any]]

    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


for _name, _metric in METRICS.items():
    _type = Integer if _metric.kind == "count" else Double
    setattr(Backtest, _name, mapped_column(_type, nullable=True))


class Trade(Base):
    """One trade of a backtest, the open one included; numbered from 1 in the order of entry."""

    __tablename__ = "trades"
    __table_args__ = (
        CheckConstraint(one_of("status", ("open", "closed")), name="status"),
        CheckConstraint(one_of("direction", ("long", "short")), name="direction"),
        CheckConstraint(one_of("exit_reason", EXIT_REASONS), name="exit_reason"),
        CheckConstraint("(status = 'open') = (exit_reason = 'open')", name="open"),
        CheckConstraint("entry_date <= exit_date", name="dates"),
        CheckConstraint(
            finite(["entry_price", "exit_price", "size", "entry_fees", "exit_fees"]),
            name="finite_fills",
        ),
        CheckConstraint(finite(["pnl", "trade_return"]), name="finite_outcome"),
    )

    backtest_id: Mapped[UUID] = mapped_column(
        ForeignKey("backtests.id", ondelete="CASCADE"), primary_key=True
    )
    trade_no: Mapped[int] = mapped_column(primary_key=True)
    direction: Mapped[str]
    status: Mapped[str]
    entry_date: Mapped[date]
    entry_price: Mapped[float]
    exit_date: Mapped[date | None]
    exit_price: Mapped[float | None]
    size: Mapped[float]
    entry_fees: Mapped[float]
    exit_fees: Mapped[float]
    pnl: Mapped[float]
    trade_return: Mapped[float]
    exit_reason: Mapped[str]
