"""Stage profiles for tests, with small costs and the fields that a test sets."""

from typing import Any

from research.audit.findings import IntegrityFindings
from research.audit.stage_profile import (
    BacktestsProfile,
    ForwardProfile,
    PriceQuality,
    PricesProfile,
)

_COSTS = {
    "wall_seconds": 0.25,
    "cpu_seconds": 0.25,
    "database_seconds": 0.0,
    "memory_start_mb": 200.0,
    "memory_peak_mb": 200.0,
    "memory_growth_mb": 0.0,
    "memory_slope_mb": None,
    "memory_samples": 2,
}


def prices_profile(**fields: Any) -> PricesProfile:
    """Return a profile of prices: three symbols requested, two succeeded."""
    counts = {"source_requests": 3, "source_bars_saved": 0, "source_refetches": 0}
    quality = PriceQuality(symbols=2, offenders={})
    defaults = {**_COSTS, **counts, "requested": 3, "succeeded": 2, "quality": quality}
    return PricesProfile.model_validate({**defaults, **fields})


def forward_profile(**fields: Any) -> ForwardProfile:
    """Return a profile of the forward record: two strategies, none of which decays."""
    counts = {"requested": 3, "succeeded": 3, "alarm_age": {}}
    defaults = {**_COSTS, **counts, "decay": {"rsi": 0.1, "macd": 0.0}}
    return ForwardProfile.model_validate({**defaults, **fields})


def backtests_profile(**fields: Any) -> BacktestsProfile:
    """Return a profile of backtests: both symbols succeeded, nothing was looked at."""
    defaults = {
        **_COSTS,
        "requested": 2,
        "succeeded": 2,
        "succeeded_by_strategy": {"rsi": 2},
        "indicator_hits": 0,
        "indicator_misses": 0,
        "universe_benchmark": None,
        "universe_symbols": None,
        "universe_version": None,
        "cached_results": None,
        "scaling": None,
        "integrity": IntegrityFindings(look_ahead={}, dropped_signals={}, imbalance={}),
    }
    return BacktestsProfile.model_validate({**defaults, **fields})
