"""The leaderboards: what each compared, and how the strategies ranked."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, func
from sqlalchemy.orm import Mapped, mapped_column

from research.purpose import Purpose
from research.verdicts.verdict import Verdict
from resources.result_store.models.base import Base, one_of


class Leaderboard(Base):
    """A leaderboard that a run made. `scope` has the universe, strategies and settings.

    `coverage` is the share of its universe that it is of, as `research.ranking.measure_coverage`
    measures it. `shared` says whether it was made the leaderboard that everybody is shown.
    """

    __tablename__ = "leaderboards"
    __table_args__ = (
        CheckConstraint(one_of("purpose", Purpose), name="purpose"),
        Index("ix_leaderboards_made_at", "purpose", "made_at", "run_id"),
    )

    run_id: Mapped[str] = mapped_column(primary_key=True)
    purpose: Mapped[str]
    source: Mapped[str]
    start_date: Mapped[date]
    end_date: Mapped[date]
    scope: Mapped[dict[str, Any]]
    covered_symbols: Mapped[int]
    universe_symbols: Mapped[int]
    coverage: Mapped[float]
    shared: Mapped[bool]
    made_at: Mapped[datetime] = mapped_column(server_default=func.now())


class LeaderboardRow(Base):
    """A strategy of a leaderboard, as `research.ranking.rank_strategies` gives it.

    `verdict` is NULL for one that was not judged on what the leaderboard is of, and the Sharpe
    ratios beyond the market are for one whose robustness its run has not tested. So are return and
    Sharpe ratio of its portfolio where there is none.
    """

    __tablename__ = "leaderboard_rows"
    __table_args__ = (CheckConstraint(one_of("verdict", Verdict), name="verdict"),)

    run_id: Mapped[str] = mapped_column(
        ForeignKey("leaderboards.run_id", ondelete="CASCADE"), primary_key=True
    )
    strategy: Mapped[str] = mapped_column(primary_key=True)
    rank: Mapped[int | None]
    verdict: Mapped[str | None]
    symbols: Mapped[int]
    ranked_symbols: Mapped[int]
    stale_symbols: Mapped[int]
    median_sharpe_ratio: Mapped[float | None]
    median_total_return: Mapped[float | None]
    median_annualized_return: Mapped[float | None]
    median_max_drawdown: Mapped[float | None]
    worst_max_drawdown: Mapped[float | None]
    mean_win_rate: Mapped[float | None]
    total_trades: Mapped[int]
    share_beating_benchmark: Mapped[float | None]
    portfolio_return: Mapped[float | None]
    portfolio_sharpe: Mapped[float | None]
    residual_sharpe_ratio: Mapped[float | None]
    doubled_costs_sharpe_ratio: Mapped[float | None]
