"""Which checks each stage has, and which profile they judge."""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from assets.asset_keys import (
    BACKTESTS,
    FORWARD_RECORD,
    FORWARD_RECORD_KEY,
    LEADERBOARD,
    LEADERBOARD_KEY,
    PORTFOLIOS,
    PRICES,
    PRICES_KEY,
    REQUESTS,
    REQUESTS_KEY,
    SUMMARIES,
    SUMMARIES_KEY,
    backtests_key,
    portfolios_key,
)
from assets.checks import (
    cached_results,
    concurrent_requests,
    forward,
    integrity,
    portfolios,
    quality,
    ranking,
    rates,
    resource_usage,
)
from assets.checks.threshold_checks import ThresholdCheck, build_threshold_checks
from research.audit.stage_profile import (
    BacktestsProfile,
    ForwardProfile,
    LeaderboardProfile,
    PortfoliosProfile,
    PricesProfile,
    RequestProfile,
    StageProfile,
    SummariesProfile,
)

_MODULES = (
    *(rates, quality, resource_usage, integrity, cached_results, ranking),
    *(forward, portfolios, concurrent_requests),
)

PROFILES: Mapping[str, type[StageProfile]] = {
    PRICES: PricesProfile,
    BACKTESTS: BacktestsProfile,
    SUMMARIES: SummariesProfile,
    LEADERBOARD: LeaderboardProfile,
    FORWARD_RECORD: ForwardProfile,
    PORTFOLIOS: PortfoliosProfile,
    REQUESTS: RequestProfile,
}
"""The record that the checks of each stage judge."""

THRESHOLD_CHECKS: Mapping[str, Sequence[ThresholdCheck[Any]]] = {
    stage: [check for module in _MODULES for check in module.CHECKS if check.stage == stage]
    for stage in PROFILES
}
"""The checks of each stage, in the order of `_MODULES`; those of backtests are of each strategy."""


def build_checks(
    strategies: Sequence[str], portfolios: Sequence[str] = ()
) -> list[dg.AssetChecksDefinition]:
    """Return the checks of all stages."""
    keys = {
        PRICES: [PRICES_KEY],
        BACKTESTS: [backtests_key(name) for name in strategies],
        SUMMARIES: [SUMMARIES_KEY],
        LEADERBOARD: [LEADERBOARD_KEY],
        FORWARD_RECORD: [FORWARD_RECORD_KEY],
        PORTFOLIOS: [portfolios_key(name) for name in portfolios],
        REQUESTS: [REQUESTS_KEY],
    }
    return [
        build_threshold_checks(stage, PROFILES[stage], keys[stage], checks)
        for stage, checks in THRESHOLD_CHECKS.items()
        if keys[stage]
    ]
