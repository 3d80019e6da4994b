"""The check of cached results: how many were found, and whether they were intact."""

from collections.abc import Sequence

import dagster as dg

from assets.asset_keys import BACKTESTS
from assets.checks.check_outcomes import CheckOutcome, not_measured
from assets.checks.threshold_checks import CheckInput, ThresholdCheck
from research.audit.stage_profile import BacktestsProfile


def judge_cached_results(given: CheckInput[BacktestsProfile]) -> CheckOutcome:
    """Count a strategy's results from cache, and judge whether any of the run was damaged."""
    cached, strategy = given.profile.cached_results, given.key.path[-1]
    if cached is None:
        return not_measured("the run looked up no results")
    hits = cached.hits_by_strategy.get(strategy, 0)
    asked = hits + cached.misses_by_strategy.get(strategy, 0)
    if not asked:
        return not_measured(f"no result of {strategy} was looked up")
    ignored = " The cache was ignored, as run_settings say." if cached.ignored else ""
    outcome = CheckOutcome(
        passed=not cached.damaged,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{hits} of {asked} results from cache ({hits / asked:.1%}); "
        f"{cached.damaged} of the run's were damaged, limit 0.{ignored}",
        metadata={"measured": cached.damaged, "limit": 0, "hits": hits, "misses": asked - hits},
    )
    rate = cached.hits / (cached.hits + cached.misses)
    speed_up = _compute_speed_up(given.profile, given.history)
    compared = {} if speed_up is None else {"times_as_fast_as_computed": round(speed_up, 1)}
    return outcome.with_metadata(hit_rate=hits / asked, hit_rate_of_run=rate, **compared)


def _compute_speed_up(
    profile: BacktestsProfile, history: Sequence[BacktestsProfile]
) -> float | None:
    """Return how many times as fast the stage was as the newest run that computed all of it."""
    same = profile.requested, profile.succeeded_by_strategy
    for other in history:
        computed = other.cached_results is not None and not other.cached_results.hits
        if computed and (other.requested, other.succeeded_by_strategy) == same:
            return other.wall_seconds / max(profile.wall_seconds, 1e-3)
    return None


CHECKS = [
    ThresholdCheck(
        BACKTESTS,
        "cached_results_are_intact",
        "How many stored results were used and not computed again, and how many were damaged: "
        "their files are not what was written, or their metrics or trades in the database are not "
        "what was computed.",
        [],
        "Damaged results were computed again and replaced, so those of this run are right. Find "
        "out what else writes to the result store or the files of backtests, and whether their "
        "disk is healthy.",
        judge_cached_results,
        only_warns=True,
    ),
]
