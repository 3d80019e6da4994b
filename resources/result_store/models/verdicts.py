"""The verdicts: what was concluded of each strategy, and from what."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, func
from sqlalchemy.orm import Mapped, mapped_column

from research.verdicts.hedge import Hedge
from research.verdicts.verdict import Verdict
from resources.result_store.models.base import Base, finite, one_of


class VerdictRow(Base):
    """The verdict that a run reached of a strategy, see `research.verdicts`.

    A p-value or share passes up to its limit in `limits`. What can't be computed, or is infinite
    as the track record of a strategy that loses, is NULL.
    """

    __tablename__ = "verdicts"
    __table_args__ = (
        CheckConstraint(one_of("verdict", Verdict), name="verdict"),
        CheckConstraint(one_of("hedge", Hedge), name="hedge"),
        CheckConstraint(
            finite(
                [
                    *("grid_p_value", "best_p_value", "loss_share", "walk_forward_p_value"),
                    *("grid_sharpe_ratio", "best_sharpe_ratio", "psr", "dsr"),
                    *("min_track_record_years", "min_backtest_years", "overfitting_share"),
                    *("walk_forward_sharpe_ratio", "effective_trials"),
                ]
            ),
            name="finite",
        ),
        Index("ix_verdicts_made_at", "made_at", "run_id"),
        Index("ix_verdicts_scope_id", "scope_id"),
    )

    run_id: Mapped[str] = mapped_column(primary_key=True)
    strategy: Mapped[str] = mapped_column(primary_key=True)
    scope_id: Mapped[UUID] = mapped_column(ForeignKey("trial_scopes.id"))
    verdict: Mapped[str]
    reason: Mapped[str]
    hedge: Mapped[str]
    grid_sharpe_ratio: Mapped[float | None]
    grid_p_value: Mapped[float]
    best_parameters: Mapped[dict[str, Any]]
    best_sharpe_ratio: Mapped[float | None]
    best_p_value: Mapped[float]
    psr: Mapped[float | None]
    dsr: Mapped[float | None]
    min_track_record_years: Mapped[float | None]
    min_backtest_years: Mapped[float | None]
    loss_share: Mapped[float]
    overfitting_share: Mapped[float | None]
    walk_forward_sharpe_ratio: Mapped[float | None]
    walk_forward_p_value: Mapped[float]
    walk_forward_protocol: Mapped[str]
    walk_forward_protocols: Mapped[int]
    trials: Mapped[int]
    active_trials: Mapped[int]
    competing_trials: Mapped[int]
    effective_trials: Mapped[float]
    limits: Mapped[dict[str, Any]]
    made_at: Mapped[datetime] = mapped_column(server_default=func.now())
