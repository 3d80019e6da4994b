"""The check of the forward record: whether strategies still earn what their backtests promised."""

from assets.asset_keys import FORWARD_RECORD
from assets.checks.check_outcomes import CheckOutcome, require_below
from assets.checks.threshold_checks import CheckInput, ThresholdCheck
from research.audit.stage_profile import ForwardProfile

ALARM_DAYS = 30
"""How long an alarm counts: the sum that raised it starts again on the same day."""


def judge_decay(given: CheckInput[ForwardProfile]) -> CheckOutcome:
    """Judge the record that is nearest to an alarm of decay, or has one."""
    profile, thresholds = given.profile, given.thresholds
    recent = {name: age for name, age in profile.alarm_age.items() if age <= ALARM_DAYS}
    levels = {name: max(level, float(name in recent)) for name, level in profile.decay.items()}
    told = (
        f"{len(recent)} of {len(levels)} records have alarmed in {ALARM_DAYS} days; highest decay"
    )
    outcome = require_below(
        told,
        max(levels.values(), default=0.0),
        thresholds.forward_decay,
        thresholds.forward_decay_warning,
        digits=2,
    )
    return outcome.with_offenders(
        {
            name: f"alarmed {recent[name]} days before its last one"
            if name in recent
            else f"decay {level:.2f}"
            for name, level in sorted(levels.items(), key=lambda one: -one[1])
            if not level < thresholds.forward_decay_warning
        }
    )


CHECKS = [
    ThresholdCheck(
        FORWARD_RECORD,
        "edges_do_not_decay",
        "How far the strategies fall short of what their backtests promised since they were "
        "frozen, as a share of what raises an alarm; an alarm counts for "
        f"{ALARM_DAYS} days. A strategy that goes on as before has less than one per year.",
        ["forward_decay"],
        "Look at the strategy's record: `gauntlet.open().forward(...)` has it day by day, and "
        "docs/forward.md says how much an alarm means. Parameters that were picked for their "
        "backtest decay at once.",
        judge_decay,
        only_warns=True,
        optional=True,
    ),
]
