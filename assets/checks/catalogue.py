"""Which checks each stage has, and which profile they judge."""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from assets.asset_keys import (
    BACKTESTS,
    PRICES,
    PRICES_KEY,
    REQUESTS,
    REQUESTS_KEY,
    SUMMARIES,
    SUMMARIES_KEY,
    backtests_key,
)
from assets.checks import cached_results, integrity, quality, rates, resource_usage
from assets.checks.concurrent_requests import CONCURRENT_REQUESTS
from assets.checks.threshold_checks import ThresholdCheck, build_threshold_checks
from research.audit.stage_profile import (
    BacktestsProfile,
    PricesProfile,
    RequestProfile,
    StageProfile,
    SummariesProfile,
)

THRESHOLD_CHECKS: Mapping[str, Sequence[ThresholdCheck[Any]]] = {
    PRICES: [rates.SUCCESS, *quality.PRICE_QUALITY],
    BACKTESTS: [
        rates.SUCCESS_OF_STRATEGY,
        resource_usage.WALL_TIME,
        resource_usage.MEMORY_GROWTH,
        resource_usage.MEMORY_SLOPE,
        resource_usage.SCALING,
        integrity.NO_LOOK_AHEAD,
        integrity.SIGNALS_FILLED,
        integrity.ACCOUNTS_BALANCE,
        cached_results.CACHED_RESULTS,
    ],
    SUMMARIES: [rates.SAVED, rates.RETRIEVED, resource_usage.DATABASE_TIME],
    REQUESTS: CONCURRENT_REQUESTS,
}
"""The checks of each stage; those of backtests hold for the asset of every strategy."""

PROFILES: Mapping[str, type[StageProfile]] = {
    PRICES: PricesProfile,
    BACKTESTS: BacktestsProfile,
    SUMMARIES: SummariesProfile,
    REQUESTS: RequestProfile,
}
"""What the checks of each stage judge."""


def build_checks(strategies: Sequence[str]) -> list[dg.AssetChecksDefinition]:
    """Return the checks of all stages."""
    keys = {
        PRICES: [PRICES_KEY],
        BACKTESTS: [backtests_key(name) for name in strategies],
        SUMMARIES: [SUMMARIES_KEY],
        REQUESTS: [REQUESTS_KEY],
    }
    return [
        build_threshold_checks(stage, PROFILES[stage], keys[stage], checks)
        for stage, checks in THRESHOLD_CHECKS.items()
    ]
