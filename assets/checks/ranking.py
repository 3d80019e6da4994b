"""The check of the leaderboard: whether it is of the whole universe, and of the current code."""

from assets.asset_keys import LEADERBOARD
from assets.checks.check_outcomes import CheckOutcome, not_measured, require_at_least
from assets.checks.threshold_checks import CheckInput, ThresholdCheck
from research.audit.stage_profile import LeaderboardProfile


def judge_completeness(given: CheckInput[LeaderboardProfile]) -> CheckOutcome:
    """Judge how many of the universe's results are in the leaderboard, and current."""
    profile = given.profile
    symbols, results, stale = profile.requested, profile.results, profile.stale_results
    expected = symbols * len(results)
    if not expected:
        return not_measured("no symbol of the universe was listed in the window")
    current = {name: results[name] - stale[name] for name in results}
    outcome = require_at_least(
        f"{sum(current.values())} of {expected} results of the universe are in it",
        sum(current.values()) / expected,
        0.0,
        given.thresholds.success_rate_warning,
    )
    return outcome.with_offenders(
        {
            name: f"{results[name]} of {symbols} symbols have a result, {stale[name]} of them stale"
            for name in results
            if current[name] < symbols
        }
    )


CHECKS = [
    ThresholdCheck(
        LEADERBOARD,
        "results_are_complete",
        "Share of the results of all symbols that were listed in the window, under all strategies, "
        "that are in the leaderboard and made by the current code.",
        [],
        "Materialize backtests and summaries of the symbols that are missing or stale; until then "
        "the leaderboard compares strategies on the others only.",
        judge_completeness,
        only_warns=True,
    )
]
