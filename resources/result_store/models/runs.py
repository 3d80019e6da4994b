"""The runs: what each was for, which results it has, what failed in it, and its universe."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    UniqueConstraint,
    false,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from research.purpose import Purpose
from resources.result_store.models.base import Base, one_of


class RunBacktest(Base):
    """A result that a run has, whether it computed it or found it stored.

    `run_id` is "" for what was saved by no run; `saved_at` is when the run last saved it. Symbol
    and strategy are the result's own: so the newest result of a pair is found in one index.
    `notes` and `execution_time` (seconds) are what a notebook says of a result, NULL if nothing.
    """

    __tablename__ = "run_backtests"
    __table_args__ = (
        CheckConstraint(one_of("purpose", Purpose), name="purpose"),
        CheckConstraint("run_id <> '' OR purpose = 'notebook'", name="no_run"),
        CheckConstraint("execution_time >= 0 AND execution_time < 'Infinity'", name="took"),
        Index(
            "ix_run_backtests_newest",
            "purpose",
            "symbol",
            "strategy",
            text("saved_at DESC"),
            text("backtest_id DESC"),
        ),
        Index("ix_run_backtests_saved_at", "purpose", "saved_at", "backtest_id"),
        Index("ix_run_backtests_backtest_id", "backtest_id"),
    )

    run_id: Mapped[str] = mapped_column(primary_key=True)
    backtest_id: Mapped[UUID] = mapped_column(
        ForeignKey("backtests.id", ondelete="CASCADE"), primary_key=True
    )
    purpose: Mapped[str]
    symbol: Mapped[str]
    strategy: Mapped[str]
    notes: Mapped[str | None]
    execution_time: Mapped[float | None]
    saved_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Run(Base):
    """One run, what it was for, and what it cost: a profile per stage.

    `universe_members_version` names the universe that it was of, NULL where that was not kept.

    Not called ``runs``: Dagster's own storage has a table of that name, and both may be given
    the same database.
    """

    __tablename__ = "backtest_runs"
    __table_args__ = (
        CheckConstraint(one_of("purpose", Purpose), name="purpose"),
        CheckConstraint("jsonb_typeof(profile) = 'object'", name="profile"),
        Index("ix_backtest_runs_started_at", "started_at"),
    )

    run_id: Mapped[str] = mapped_column(primary_key=True)
    purpose: Mapped[str]
    run_user: Mapped[str | None]
    source: Mapped[str]
    start_date: Mapped[date]
    end_date: Mapped[date]
    profile: Mapped[dict[str, Any]]
    universe_members_version: Mapped[str | None]
    started_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class UniverseMember(Base):
    """A symbol of a universe, and when it was listed; kept once for each version of the universe.

    `place` is its place in the universe's file.
    """

    __tablename__ = "universe_members"
    __table_args__ = (CheckConstraint("listed_from <= listed_to", name="listing"),)

    version: Mapped[str] = mapped_column(primary_key=True)
    symbol: Mapped[str] = mapped_column(primary_key=True)
    place: Mapped[int]
    sector: Mapped[str | None]
    listed_from: Mapped[date | None]
    listed_to: Mapped[date | None]
    calendar: Mapped[str | None]


class FailureRow(Base):
    """One symbol that failed at one stage of a run; no strategy means that all of them did.

    Source and window are what was attempted: a later failure of the same puts older results off
    the leaderboard.
    """

    __tablename__ = "failures"
    __table_args__ = (
        # A retried step reports the same failure again: that is one failure.
        UniqueConstraint(
            "run_id",
            "stage",
            "symbol",
            "strategy",
            name="uq_failures_attempt",
            postgresql_nulls_not_distinct=True,
        ),
        Index("ix_failures_symbol", "symbol", "failed_at"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    run_id: Mapped[str]
    stage: Mapped[str]
    symbol: Mapped[str]
    strategy: Mapped[str | None]
    error_class: Mapped[str]
    message: Mapped[str]
    source: Mapped[str]
    start_date: Mapped[date]
    end_date: Mapped[date]
    transient: Mapped[bool] = mapped_column(server_default=false())
    failed_at: Mapped[datetime] = mapped_column(server_default=func.now())
