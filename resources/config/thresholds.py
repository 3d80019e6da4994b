"""The limits that every materialization is held to: one typed object for all checks."""

from typing import Self

import dagster as dg
from pydantic import Field, model_validator

# The worse way of each pair: a warning level lies on the better side of its limit.
_MORE_IS_WORSE = (
    "wall_seconds",
    "memory_growth_mb",
    "memory_growth_many_mb",
    "memory_peak_mb",
    "memory_slope_mb",
    "scaling_ratio",
    "scaling_exponent",
    "database_seconds",
    "sessions_seconds",
)
_LESS_IS_WORSE = (
    "success_rate",
    "clean_rate",
    "saved_rate",
    "retrieved_rate",
    "sessions_rate",
    "sessions_inside_rate",
)


class Thresholds(dg.ConfigurableResource):
    """Outer limits (a breach stops what is downstream) and warning levels of the checks.

    Raises
    ------
    pydantic.ValidationError
        When a limit makes no sense, or a warning level lies beyond its limit.
    """

    success_rate: float = Field(
        default=0.85, ge=0.0, le=1.0, description="Least share of a run's symbols that succeed."
    )
    success_rate_warning: float = Field(
        default=1.0, ge=0.0, le=1.0, description="Share of symbols below which a check warns."
    )
    clean_rate: float = Field(
        default=0.85,
        ge=0.0,
        le=1.0,
        description="Least share of a run's symbols whose bars keep a rule of quality.",
    )
    clean_rate_warning: float = Field(
        default=1.0, ge=0.0, le=1.0, description="Share of clean symbols below which a check warns."
    )
    missing_sessions: float = Field(
        default=0.02,
        ge=0.0,
        le=1.0,
        description="Most sessions without a bar, as a share, that a complete history may have.",
    )
    stale_sessions: int = Field(
        default=3, ge=0, description="Most sessions that an up to date history may be behind."
    )
    silent_sessions: float = Field(
        default=0.1, ge=0.0, le=1.0, description="Most sessions without volume, as a share."
    )
    unusual_move: float = Field(
        default=0.4,
        gt=0.0,
        description="Move of a day's adjusted close, as a fraction, from which it is flagged.",
    )
    split_tolerance: float = Field(
        default=0.02,
        gt=0.0,
        lt=0.2,
        description="How near a night's move must be to the ratio of a split to look like one.",
    )
    wall_seconds: float = Field(
        default=1800.0, gt=0.0, description="Most seconds that a run's backtests may take."
    )
    wall_seconds_warning: float = Field(
        default=900.0, gt=0.0, description="Seconds from which a check warns."
    )
    memory_growth_mb: float = Field(
        default=3000.0,
        gt=0.0,
        description="Megabytes that the backtests of one strategy must leave fewer than.",
    )
    memory_growth_mb_warning: float = Field(
        default=2000.0, gt=0.0, description="Megabytes of growth from which a check warns."
    )
    memory_growth_many_mb: float = Field(
        default=2000.0,
        gt=0.0,
        description="Megabytes that the backtests of several strategies must leave fewer than.",
    )
    memory_growth_many_mb_warning: float = Field(
        default=1500.0, gt=0.0, description="Megabytes of their growth from which a check warns."
    )
    memory_peak_mb: float = Field(
        default=2500.0,
        gt=0.0,
        description="Megabytes above its start that a run's backtests must stay below.",
    )
    memory_peak_mb_warning: float = Field(
        default=2000.0, gt=0.0, description="Megabytes above the start from which a check warns."
    )
    memory_slope_mb: float = Field(
        default=5.0, gt=0.0, description="Megabytes a symbol that memory must grow less than."
    )
    memory_slope_mb_warning: float = Field(
        default=2.5, gt=0.0, description="Megabytes a symbol from which a check warns."
    )
    scaling_ratio: float = Field(
        default=5.0,
        gt=0.0,
        description="Time for three years must be less than so many times that for one.",
    )
    scaling_ratio_warning: float = Field(
        default=4.0, gt=0.0, description="Ratio of these times from which a check warns."
    )
    scaling_exponent: float = Field(
        default=1.5,
        gt=0.0,
        description="Time must grow with less than this power of the number of bars.",
    )
    scaling_exponent_warning: float = Field(
        default=1.2, gt=0.0, description="Exponent from which a check warns."
    )
    saved_rate: float = Field(
        default=0.95, ge=0.0, le=1.0, description="Least share of produced rows that are saved."
    )
    saved_rate_warning: float = Field(
        default=1.0, ge=0.0, le=1.0, description="Share of saved rows below which a check warns."
    )
    retrieved_rate: float = Field(
        default=0.95,
        ge=0.0,
        le=1.0,
        description="Least share of saved rows that read back equal to what was produced.",
    )
    retrieved_rate_warning: float = Field(
        default=1.0, ge=0.0, le=1.0, description="Share of equal rows below which a check warns."
    )
    database_seconds: float = Field(
        default=300.0, gt=0.0, description="Most seconds that the database may take in a run."
    )
    database_seconds_warning: float = Field(
        default=150.0, gt=0.0, description="Seconds of the database from which a check warns."
    )

    sessions_rate: float = Field(
        default=0.8,
        ge=0.0,
        le=1.0,
        description="Least share of requests, of those at the same time, that succeed.",
    )
    sessions_rate_warning: float = Field(
        default=1.0, ge=0.0, le=1.0, description="Share of requests below which a check warns."
    )
    sessions_inside_rate: float = Field(
        default=0.8,
        ge=0.0,
        le=1.0,
        description="Least share of their symbols that succeed, on average; of one request, too.",
    )
    sessions_inside_rate_warning: float = Field(
        default=1.0, ge=0.0, le=1.0, description="Such a share below which a check warns."
    )
    sessions_seconds: float = Field(
        default=600.0, gt=0.0, description="Most seconds that requests at the same time may take."
    )
    sessions_seconds_warning: float = Field(
        default=300.0, gt=0.0, description="Seconds of such requests from which a check warns."
    )

    @model_validator(mode="after")
    def _warn_before_the_limit(self) -> Self:
        for name in (*_MORE_IS_WORSE, *_LESS_IS_WORSE):
            limit, warning = getattr(self, name), getattr(self, f"{name}_warning")
            beyond = warning > limit if name in _MORE_IS_WORSE else warning < limit
            # Whoever tightens a limit alone need not think of its warning level too: beyond the
            # limit that level is never reached.
            chosen = warning != type(self).model_fields[f"{name}_warning"].default
            if beyond and chosen:
                side = "at most" if name in _MORE_IS_WORSE else "at least"
                raise ValueError(
                    f"{name}_warning is {warning:g}, beyond the limit {name} of {limit:g}: a "
                    f"warning comes before its limit, so it must be {side} that."
                )
        return self
