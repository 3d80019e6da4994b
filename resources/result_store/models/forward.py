"""The forward record: what was frozen, what came after it, and the positions of tomorrow.

Append-only: triggers of the database refuse to change or delete what is in these tables; of the
positions only the newest ones can't be deleted.
"""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, Date, ForeignKey, Index, Text, func
from sqlalchemy.orm import Mapped, mapped_column

from research.forward.next_actions import ACTIONS
from resources.result_store.models.base import Base, finite, one_of

_TEXTS = ARRAY(Text)


class ForwardBarsRow(Base):
    """Bars that a forward record rests on, see `research.forward.known_bars.KnownBars`.

    `through` is NULL, and the version "", where a symbol had no bar.
    """

    __tablename__ = "forward_bars"
    __table_args__ = (
        CheckConstraint(
            "cardinality(symbols) = cardinality(through) "
            "AND cardinality(symbols) = cardinality(versions)",
            name="symbols",
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    session: Mapped[date]
    symbols: Mapped[list[str]] = mapped_column(_TEXTS)
    through: Mapped[list[date | None]] = mapped_column(ARRAY(Date))
    versions: Mapped[list[str]] = mapped_column(_TEXTS)


class ForwardRecordRow(Base):
    """A strategy as it was frozen, see `research.forward.record`; its `id` is derived from it.

    `session` is the last day before the record. `expected_bars` and the five numbers after it are
    `research.forward.expectation.Expectation`, NULL where nothing can be expected.
    """

    __tablename__ = "forward_records"
    __table_args__ = (
        CheckConstraint("jsonb_typeof(parameters) = 'object'", name="parameters"),
        CheckConstraint("exposure >= 0 AND exposure <= 1", name="exposure"),
        CheckConstraint(
            finite(
                [
                    *("mean", "deviation", "beta", "residual_mean", "residual_deviation"),
                    *("exposure", "joining_cost", "bars_per_year"),
                ]
            ),
            name="finite",
        ),
        Index("ix_forward_records_strategy", "strategy", "recorded_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    strategy: Mapped[str]
    parameters: Mapped[dict[str, Any]]
    code_version: Mapped[str]
    source: Mapped[str]
    symbols: Mapped[list[str]] = mapped_column(_TEXTS)
    start_date: Mapped[date]
    settings: Mapped[dict[str, Any]]
    session: Mapped[date]
    bars_id: Mapped[UUID] = mapped_column(ForeignKey("forward_bars.id"))
    expected_bars: Mapped[int | None]
    mean: Mapped[float | None]
    deviation: Mapped[float | None]
    beta: Mapped[float | None]
    residual_mean: Mapped[float | None]
    residual_deviation: Mapped[float | None]
    exposure: Mapped[float]
    joining_cost: Mapped[float]
    bars_per_year: Mapped[float]
    run_id: Mapped[str]
    recorded_at: Mapped[datetime] = mapped_column(server_default=func.now())


class ForwardDayRow(Base):
    """A day of a record, see `research.forward.record.ForwardDays`.

    `accounts` are returns, float64, little-endian, and `sides` int8, one per symbol of the record.
    The last three lists name symbols of the night that recorded the day.
    """

    __tablename__ = "forward_days"
    __table_args__ = (
        CheckConstraint("octet_length(accounts) = 8 * octet_length(sides)", name="accounts"),
        CheckConstraint("exposure >= 0 AND exposure <= 1", name="exposure"),
        CheckConstraint(finite(["universe_return", "market_return", "exposure"]), name="finite"),
    )

    record_id: Mapped[UUID] = mapped_column(ForeignKey("forward_records.id"), primary_key=True)
    session: Mapped[date] = mapped_column(primary_key=True)
    bars_id: Mapped[UUID] = mapped_column(ForeignKey("forward_bars.id"))
    universe_return: Mapped[float]
    market_return: Mapped[float]
    exposure: Mapped[float]
    accounts: Mapped[bytes]
    sides: Mapped[bytes]
    revised: Mapped[list[str]] = mapped_column(_TEXTS)
    late: Mapped[list[str]] = mapped_column(_TEXTS)
    absent: Mapped[list[str]] = mapped_column(_TEXTS)
    run_id: Mapped[str]
    recorded_at: Mapped[datetime] = mapped_column(server_default=func.now())


class NextPositionRow(Base):
    """A position of tomorrow as a run left it: `research.forward.next_positions.NextPosition`."""

    __tablename__ = "next_positions"
    __table_args__ = (
        CheckConstraint("abs(held) <= 1 AND abs(next_side) <= 1", name="sides"),
        CheckConstraint(one_of("action", dict.fromkeys(ACTIONS.values())), name="action"),
        CheckConstraint(
            finite(["shares", "entry_price", "stop_price", "target_price"]), name="finite"
        ),
        Index("ix_next_positions_made_at", "made_at", "run_id"),
    )

    run_id: Mapped[str] = mapped_column(primary_key=True)
    strategy: Mapped[str] = mapped_column(primary_key=True)
    symbol: Mapped[str] = mapped_column(primary_key=True)
    source: Mapped[str]
    bar: Mapped[date]
    stale: Mapped[bool]
    held: Mapped[int]
    shares: Mapped[float]
    entry_date: Mapped[date | None]
    entry_price: Mapped[float | None]
    next_side: Mapped[int]
    action: Mapped[str]
    fills_at: Mapped[str]
    waits: Mapped[bool]
    stop_price: Mapped[float | None]
    target_price: Mapped[float | None]
    made_at: Mapped[datetime] = mapped_column(server_default=func.now())
