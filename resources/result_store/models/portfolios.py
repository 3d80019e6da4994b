"""The portfolios: what was made of each definition in a run."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, Index, Text, func
from sqlalchemy.orm import Mapped, mapped_column

from research.portfolio.rows import NUMBERS
from resources.result_store.models.base import Base, finite


class PortfolioRow(Base):
    """A portfolio of a run, see `research.portfolio.measures`; its tables are files.

    `identity` names the files, and is derived from all that the numbers depend on. `parameters`
    and `code_versions` are those of its strategies, by name. `universe` has the symbols that there
    were to trade. `breaches` is how many limits did not hold, `pairs_sharpe_ratio` the mean of the
    single backtests'. Numbers that are undefined are NULL, and so is the luck of priority where
    nothing was missed.
    """

    __tablename__ = "portfolios"
    __table_args__ = (
        CheckConstraint("jsonb_typeof(definition) = 'object'", name="definition"),
        CheckConstraint(finite(NUMBERS), name="finite"),
        Index("ix_portfolios_made_at", "made_at", "run_id"),
        Index("ix_portfolios_name", "name", "made_at"),
    )

    run_id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    identity: Mapped[UUID]
    definition: Mapped[dict[str, Any]]
    parameters: Mapped[dict[str, Any]]
    code_versions: Mapped[dict[str, Any]]
    source: Mapped[str]
    start_date: Mapped[date]
    end_date: Mapped[date]
    settings: Mapped[dict[str, Any]]
    universe: Mapped[list[str]] = mapped_column(ARRAY(Text))
    costs: Mapped[str]
    symbols: Mapped[int]
    fills: Mapped[int]
    missed: Mapped[int]
    cut: Mapped[int]
    capped: Mapped[int]
    waited: Mapped[int]
    liquidated: Mapped[int]
    breaches: Mapped[int]
    total_return: Mapped[float | None]
    annualized_return: Mapped[float | None]
    annualized_volatility: Mapped[float | None]
    sharpe_ratio: Mapped[float | None]
    max_drawdown: Mapped[float | None]
    universe_return: Mapped[float | None]
    universe_sharpe_ratio: Mapped[float | None]
    universe_correlation: Mapped[float | None]
    benchmark_return: Mapped[float | None]
    doubled_costs_return: Mapped[float | None]
    pairs_sharpe_ratio: Mapped[float | None]
    mean_gross: Mapped[float | None]
    highest_gross: Mapped[float | None]
    mean_net: Mapped[float | None]
    mean_positions: Mapped[float | None]
    most_positions: Mapped[float | None]
    turnover: Mapped[float | None]
    fees: Mapped[float | None]
    slippage: Mapped[float | None]
    accrued: Mapped[float | None]
    largest_volume_share: Mapped[float | None]
    final_equity: Mapped[float | None]
    luck_return_low: Mapped[float | None]
    luck_return_median: Mapped[float | None]
    luck_return_high: Mapped[float | None]
    luck_sharpe_low: Mapped[float | None]
    luck_sharpe_median: Mapped[float | None]
    luck_sharpe_high: Mapped[float | None]
    made_at: Mapped[datetime] = mapped_column(server_default=func.now())
