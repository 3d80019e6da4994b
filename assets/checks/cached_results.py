"""The gate on the cache of results: how much was known already, and whether it was sound."""

from collections.abc import Sequence

import dagster as dg

from assets.checks.check_outcomes import Verdict, unmeasured
from assets.checks.threshold_checks import Gate, Measured, Profile


def known_results(measured: Measured) -> Verdict:
    """Say how many results were known, and whether any was damaged."""
    profile, strategy = measured.profile, measured.key.path[-1]
    if "cache_hits" not in profile:
        return unmeasured("the run asked for no results")
    hits = profile["cache_hits_by_strategy"].get(strategy, 0)
    asked = hits + profile["cache_misses_by_strategy"].get(strategy, 0)
    if not asked:
        return unmeasured(f"no result of {strategy} was asked for")
    damaged = profile["cache_damaged"]
    forced = " All were computed anew, by force." if profile["cache_forced"] else ""
    verdict = Verdict(
        passed=not damaged,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{hits} of {asked} results were known already ({hits / asked:.1%}), and "
        f"{damaged} of the run's were damaged, limit 0.{forced}",
        metadata={"measured": damaged, "limit": 0, "hits": hits, "misses": asked - hits},
    )
    run_hits = profile["cache_hits"]
    rate = run_hits / (run_hits + profile["cache_misses"])
    speed_up = _speed_up(profile, measured.history)
    told = {} if speed_up is None else {"times_as_fast_as_computed": round(speed_up, 1)}
    return verdict.showing(hit_rate=hits / asked, hit_rate_of_run=rate, **told)


def _speed_up(profile: Profile, history: Sequence[Profile]) -> float | None:
    """Return how many times as fast the stage was as the newest run that computed all of it."""
    same = profile["requested"], profile["succeeded_by_strategy"]
    for other in history:
        computed = other.get("cache_hits") == 0
        if computed and (other["requested"], other["succeeded_by_strategy"]) == same:
            return other["wall_seconds"] / max(profile["wall_seconds"], 1e-3)
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
