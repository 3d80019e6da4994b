"""The ledger of trials: what was tried, by whom, and the curve that came of it. Append-only.

Triggers of the database refuse to change or delete what is in these tables.
"""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, ForeignKey, Index, Text, func
from sqlalchemy.orm import Mapped, mapped_column

from research.purpose import Purpose
from resources.result_store.models.base import Base, finite, one_of


class TrialScopeRow(Base):
    """What trials have in common, see `research.trials.TrialScope`; its `id` is derived from it.

    `dates` are days since 1970-01-01, int32, and `market` returns, float64, both little-endian.
    """

    __tablename__ = "trial_scopes"
    __table_args__ = (
        CheckConstraint("start_date <= end_date", name="window"),
        CheckConstraint("octet_length(market) = 2 * octet_length(dates)", name="curve"),
        Index("ix_trial_scopes_window", "source", "start_date", "end_date"),
        Index("ix_trial_scopes_symbols", "symbols", postgresql_using="gin"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    source: Mapped[str]
    symbols: Mapped[list[str]] = mapped_column(ARRAY(Text))
    data_version: Mapped[str]
    universe_version: Mapped[str | None]
    start_date: Mapped[date]
    end_date: Mapped[date]
    settings: Mapped[dict[str, Any]]
    dates: Mapped[bytes]
    market: Mapped[bytes]


class TrialRecord(Base):
    """One trial, see `research.trials.Trial`; its `id` is derived from scope and trial.

    `residual` is float32 and `exposure` float16, little-endian, one per day of the scope.
    `residual_return` and `residual_sharpe_ratio` are mean and Sharpe ratio of the former per year,
    of a walk-forward from its first test bar on, the latter NULL without variance. Purpose, run
    ("" for none) and user are those that recorded it first.
    """

    __tablename__ = "trial_records"
    __table_args__ = (
        CheckConstraint(one_of("purpose", Purpose), name="purpose"),
        CheckConstraint("jsonb_typeof(parameters) = 'object'", name="parameters"),
        CheckConstraint("tested_symbols >= 0", name="tested_symbols"),
        CheckConstraint("activity >= 0 AND activity <= 1", name="activity"),
        CheckConstraint("octet_length(residual) = 2 * octet_length(exposure)", name="curves"),
        CheckConstraint(
            finite(["beta", "residual_return", "residual_sharpe_ratio"]), name="finite"
        ),
        Index("ix_trial_records_scope", "scope_id", "protocol"),
        Index("ix_trial_records_strategy", "strategy", "recorded_at"),
        Index("ix_trial_records_user", "run_user", "recorded_at"),
        Index("ix_trial_records_recorded_at", "recorded_at", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    scope_id: Mapped[UUID] = mapped_column(ForeignKey("trial_scopes.id"))
    strategy: Mapped[str]
    parameters: Mapped[dict[str, Any]]
    code_version: Mapped[str]
    protocol: Mapped[str]
    tested_symbols: Mapped[int]
    activity: Mapped[float]
    beta: Mapped[float]
    residual_return: Mapped[float]
    residual_sharpe_ratio: Mapped[float | None]
    residual: Mapped[bytes]
    exposure: Mapped[bytes]
    purpose: Mapped[str]
    run_id: Mapped[str]
    run_user: Mapped[str | None]
    recorded_at: Mapped[datetime] = mapped_column(server_default=func.now())
