"""The limits that every materialization is held to."""

import dagster as dg
from pydantic import Field


class Thresholds(dg.ConfigurableResource):
    """Outer limits (a breach stops what is downstream) and warning levels of the checks."""

    success_rate: float = Field(
        default=0.85, ge=0.0, le=1.0, description="Least share of a run's symbols that succeed."
    )
    success_rate_warning: float = Field(
        default=1.0, ge=0.0, le=1.0, description="Share of symbols below which a check warns."
    )
    memory_growth_mb: float = Field(
        default=3000.0, gt=0.0, description="Most megabytes that a run's backtests may leave."
    )
    memory_growth_warning_mb: float = Field(
        default=2000.0, gt=0.0, description="Megabytes of growth from which a check warns."
    )
    saved_rate: float = Field(
        default=0.95, ge=0.0, le=1.0, description="Least share of produced rows that are saved."
    )
    retrieved_rate: float = Field(
        default=0.95,
        ge=0.0,
        le=1.0,
        description="Least share of saved rows that read back equal to what was produced.",
    )
