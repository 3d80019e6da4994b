"""The checks of the leaderboard: whether it is complete, and whether its strategies hold up."""

from collections import defaultdict

import dagster as dg

from assets.asset_keys import LEADERBOARD
from assets.checks.check_outcomes import CheckOutcome, not_measured, require_at_least
from assets.checks.threshold_checks import CheckInput, ThresholdCheck
from research.audit.stage_profile import LeaderboardProfile
from research.verdicts.verdict import Verdict


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


def judge_verdicts(given: CheckInput[LeaderboardProfile]) -> CheckOutcome:
    """Judge the verdicts of the strategies, by what promotion asks of them."""
    names, verdicts = list(given.profile.results), given.profile.verdicts
    asked = given.thresholds.promotion
    counts = {one: sum(verdicts.get(name) == one for name in names) for one in Verdict}
    counted = ", ".join(f"{count} {one}" for one, count in counts.items())
    if unjudged := len(names) - sum(counts.values()):
        counted += f", {unjudged} not judged"
    needed = {
        "none": {*Verdict, None} - {Verdict.REJECTED},
        "promising": {Verdict.PROMISING, Verdict.DEPLOYABLE},
        "deployable": {Verdict.DEPLOYABLE},
    }[asked]
    less = defaultdict[str, list[str]](list)
    for name in names:
        if (verdict := verdicts.get(name)) not in needed:
            less[verdict or "not judged"].append(name)
    offenders = {verdict: ", ".join(some) for verdict, some in less.items()}
    warns = asked == "none"
    outcome = CheckOutcome(
        not offenders,
        dg.AssetCheckSeverity.WARN if warns else dg.AssetCheckSeverity.ERROR,
        f"Of {len(names)} strategies: {counted}"
        + (". Promotion is off." if warns else f"; promotion asks for {asked}."),
        {"promotion": asked, **{one.value: count for one, count in counts.items()}},
    )
    return outcome.with_offenders(offenders)


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
    ),
    ThresholdCheck(
        LEADERBOARD,
        "strategies_hold_up",
        "Verdicts of the strategies of the leaderboard: a rejected one ranks where it does by "
        "luck. What `promotion` asks for stops what is downstream where a strategy has less.",
        ["promotion"],
        "Do not trade a rejected strategy; the asset verdicts has the criterion that each one "
        "failed, and docs/research.md what it tests.",
        judge_verdicts,
        optional=True,
    ),
]
