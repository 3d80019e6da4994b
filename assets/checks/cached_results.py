"""The gate on the cache of results: how much was known already, and whether it was sound."""

from collections.abc import Sequence

import dagster as dg

from assets.checks.check_outcomes import Verdict, unmeasured
from assets.checks.threshold_checks import Gate, Measured
from research.audit.stage_profile import BacktestsProfile


def known_results(measured: Measured[BacktestsProfile]) -> Verdict:
    """Say how many results were known, and whether any was damaged."""
    cached, strategy = measured.profile.cached_results, measured.key.path[-1]
    if cached is None:
        return unmeasured("the run asked for no results")
    hits = cached.hits_by_strategy.get(strategy, 0)
    asked = hits + cached.misses_by_strategy.get(strategy, 0)
    if not asked:
        return unmeasured(f"no result of {strategy} was asked for")
    forced = " All were computed anew, by force." if cached.ignored else ""
    verdict = Verdict(
        passed=not cached.damaged,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{hits} of {asked} results were known already ({hits / asked:.1%}), and "
        f"{cached.damaged} of the run's were damaged, limit 0.{forced}",
        metadata={"measured": cached.damaged, "limit": 0, "hits": hits, "misses": asked - hits},
    )
    rate = cached.hits / (cached.hits + cached.misses)
    speed_up = _speed_up(measured.profile, measured.history)
    told = {} if speed_up is None else {"times_as_fast_as_computed": round(speed_up, 1)}
    return verdict.showing(hit_rate=hits / asked, hit_rate_of_run=rate, **told)


def _speed_up(profile: BacktestsProfile, history: Sequence[BacktestsProfile]) -> float | None:
    """Return how many times as fast the stage was as the newest run that computed all of it."""
    same = profile.requested, profile.succeeded_by_strategy
    for other in history:
        computed = other.cached_results is not None and not other.cached_results.hits
        if computed and (other.requested, other.succeeded_by_strategy) == same:
            return other.wall_seconds / max(profile.wall_seconds, 1e-3)
    return None


KNOWN_RESULTS = Gate(
    "cached_results_are_intact",
    "How many results were known already and not computed again, and how many could not be used "
    "because the files that held them are not what was written.",
    [],
    "Damaged results were computed again, so those of this run are right. Look at who writes into "
    "the folder of the backtests' files, and at the health of its disk.",
    known_results,
    only_warns=True,
)
