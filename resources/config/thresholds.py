"""The limits that every materialization is held to: one typed object for all checks."""

from typing import Any, Self

import dagster as dg
from pydantic import Field, field_validator, model_validator

from strategies.errors import did_you_mean

_PROMOTIONS = ("none", "promising", "deployable")


def _share(default: float, description: str) -> Any:
    return Field(default=default, ge=0.0, le=1.0, description=description)


def _positive(default: float, description: str) -> Any:
    return Field(default=default, gt=0.0, description=description)


class Thresholds(dg.ConfigurableResource):
    """Limits of the checks (a breach stops what is downstream) and their warning levels.

    Raises
    ------
    pydantic.ValidationError
        When a limit makes no sense, or a warning level lies beyond its limit.
    """

    success_rate: float = _share(0.85, "Minimum share of a run's symbols that succeed.")
    success_rate_warning: float = _share(1.0, "Share of symbols below which a check warns.")
    clean_rate: float = _share(
        0.85, "Minimum share of a run's symbols whose bars satisfy a quality rule."
    )
    clean_rate_warning: float = _share(1.0, "Share of clean symbols below which a check warns.")
    missing_sessions: float = _share(
        0.02, "Maximum share of sessions without a bar in a complete history."
    )
    stale_sessions: int = Field(
        default=3, ge=0, description="Maximum sessions that an up-to-date history may be behind."
    )
    late_sessions: int = Field(
        default=3,
        ge=0,
        description="Maximum sessions that a history may begin after the window does.",
    )
    silent_sessions: float = _share(0.1, "Maximum share of sessions without volume.")
    unusual_move: float = _positive(
        0.4, "Daily move of the adjusted close, as a fraction, from which it is flagged."
    )
    split_odds: float = _positive(
        1.0, "Odds of a split against a gap from which an overnight move looks like a split."
    )
    wall_seconds: float = _positive(1800.0, "Seconds that a run's backtests must take less than.")
    wall_seconds_warning: float = _positive(900.0, "Seconds from which a check warns.")
    memory_growth_mb: float = _positive(
        3000.0, "Megabytes of memory growth that a run of one strategy must stay below."
    )
    memory_growth_mb_warning: float = _positive(
        2000.0, "Megabytes of growth from which a check warns."
    )
    memory_growth_many_mb: float = _positive(
        2000.0, "Megabytes of memory growth that a run of several strategies must stay below."
    )
    memory_growth_many_mb_warning: float = _positive(
        1500.0, "Megabytes of that growth from which a check warns."
    )
    memory_peak_mb: float = _positive(
        2500.0, "Megabytes above their start that the memory of backtests must stay below."
    )
    memory_peak_mb_warning: float = _positive(
        2000.0, "Megabytes above the start from which a check warns."
    )
    memory_slope_mb: float = _positive(
        5.0, "Megabytes per symbol that memory growth must stay below."
    )
    memory_slope_mb_warning: float = _positive(
        2.5, "Megabytes per symbol from which a check warns."
    )
    scaling_ratio: float = _positive(
        5.0, "Time for three years divided by that for one year must stay below this."
    )
    scaling_ratio_warning: float = _positive(4.0, "Ratio from which a check warns.")
    scaling_exponent: float = _positive(
        1.5, "Time must grow with the number of bars to less than this power."
    )
    scaling_exponent_warning: float = _positive(1.2, "Exponent from which a check warns.")
    saved_rate: float = _share(0.95, "Minimum share of produced rows that are saved.")
    saved_rate_warning: float = _share(1.0, "Share of saved rows below which a check warns.")
    retrieved_rate: float = _share(
        0.95, "Minimum share of saved rows that read back equal to what was produced."
    )
    retrieved_rate_warning: float = _share(1.0, "Share of equal rows below which a check warns.")
    database_seconds: float = _positive(
        300.0, "Seconds that the database must take less than in a run."
    )
    database_seconds_warning: float = _positive(
        150.0, "Seconds of the database from which a check warns."
    )
    concurrent_requests_success_rate: float = _share(
        0.8, "Minimum share of concurrent requests that succeed."
    )
    concurrent_requests_success_rate_warning: float = _share(
        1.0, "Share of requests below which a check warns."
    )
    concurrent_requests_symbol_success_rate: float = _share(
        0.8, "Minimum share of their symbols that succeed, on average; also of one request."
    )
    concurrent_requests_symbol_success_rate_warning: float = _share(
        1.0, "Share of symbols below which a check warns."
    )
    concurrent_requests_seconds: float = _positive(
        600.0, "Seconds that concurrent requests must take less than."
    )
    concurrent_requests_seconds_warning: float = _positive(
        300.0, "Seconds of these requests from which a check warns."
    )

    forward_decay: float = _positive(
        1.0, "Decay of a forward record, as a share of what raises an alarm, must stay below this."
    )
    forward_decay_warning: float = _positive(0.8, "Decay from which a check warns.")
    portfolio_turnover: float = _positive(
        250.0, "Value of a portfolio's fills per year, in multiples of its mean equity."
    )
    portfolio_turnover_warning: float = _positive(50.0, "Turnover from which a check warns.")
    portfolio_volume_share: float = _positive(
        0.25, "Share of a day's volume that no fill of a portfolio may exceed."
    )
    portfolio_volume_share_warning: float = _positive(
        0.05, "Share of a day's volume from which a check warns."
    )

    promotion: str = Field(
        default="none",
        description="The verdict that every strategy of the leaderboard needs, promising or "
        "deployable; what is downstream stops where one has less. none: a rejected one is a "
        "warning.",
    )

    @field_validator("promotion")
    @classmethod
    def _check_promotion(cls, value: str) -> str:
        if value not in _PROMOTIONS:
            raise ValueError(
                f"promotion is {value!r}; allowed: {', '.join(_PROMOTIONS)}."
                + did_you_mean(value, _PROMOTIONS)
            )
        return value

    @model_validator(mode="after")
    def _check_warnings_come_first(self) -> Self:
        fields = type(self).model_fields
        for name in (name for name in fields if f"{name}_warning" in fields):
            limit, warning = getattr(self, name), getattr(self, f"{name}_warning")
            default = fields[f"{name}_warning"].default
            more_is_worse = default < fields[name].default
            beyond = warning > limit if more_is_worse else warning < limit
            # Tightening a limit does not require tightening its default warning level: beyond the
            # limit that level is never reached.
            if beyond and warning != default:
                side = "at most" if more_is_worse else "at least"
                raise ValueError(
                    f"{name}_warning is {warning:g}, beyond the limit {name} of {limit:g}: a "
                    f"warning comes before its limit, so it must be {side} that."
                )
        return self
