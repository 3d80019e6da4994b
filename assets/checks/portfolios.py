"""The checks of portfolios: accounts that add up, limits that hold, and fills that are possible."""

from dataclasses import replace

import dagster as dg

from assets.asset_keys import PORTFOLIOS
from assets.checks.check_outcomes import CheckOutcome, not_measured, require_below
from assets.checks.threshold_checks import CheckInput, ThresholdCheck
from research.audit.stage_profile import PortfolioFindings, PortfoliosProfile

_NOT_MADE = replace(
    not_measured("the portfolio was not simulated in this run"),
    severity=dg.AssetCheckSeverity.WARN,
)
# What a run of a part of the universe, or of too short a window, can't make is no fault of it.
_NONE_MADE = CheckOutcome(
    True, dg.AssetCheckSeverity.WARN, "No portfolio was simulated: the log of the run says why."
)


def judge_balance(given: CheckInput[PortfoliosProfile]) -> CheckOutcome:
    """Judge whether cash and positions were the equity at every close."""
    found = _find(given)
    if found is None:
        return _say_missing(given)
    wrong = found.unbalanced
    return _judge(wrong is None, wrong or "Cash and positions are the equity at every close.")


def judge_limits(given: CheckInput[PortfoliosProfile]) -> CheckOutcome:
    """Judge whether every limit held wherever a position was increased."""
    found = _find(given)
    if found is None or found.unbalanced:
        return _say_missing(given)
    broken = ", ".join(found.breaches)
    said = f"Limits that did not hold: {broken}." if broken else "Every limit held on every bar."
    return _judge(not broken, said).with_offenders(found.breaches)


def judge_turnover(given: CheckInput[PortfoliosProfile]) -> CheckOutcome:
    """Judge how much is traded."""
    found = _find(given)
    if found is None or found.turnover is None:
        return _say_missing(given)
    limits = given.thresholds
    return require_below(
        "turnover per year",
        found.turnover,
        limits.portfolio_turnover,
        limits.portfolio_turnover_warning,
        digits=1,
    )


def judge_capacity(given: CheckInput[PortfoliosProfile]) -> CheckOutcome:
    """Judge how much of a day's volume a fill was."""
    found = _find(given)
    if found is None or found.unbalanced:
        return _say_missing(given)
    if found.largest_volume_share is None:
        return replace(
            not_measured("no bar that was traded has a volume"),
            severity=dg.AssetCheckSeverity.WARN,
        )
    limits = given.thresholds
    return require_below(
        "largest fill, as a share of its day's volume",
        found.largest_volume_share,
        limits.portfolio_volume_share,
        limits.portfolio_volume_share_warning,
        digits=4,
    )


def _find(given: CheckInput[PortfoliosProfile]) -> PortfolioFindings | None:
    return given.profile.portfolios.get(given.key.path[-1])


def _say_missing(given: CheckInput[PortfoliosProfile]) -> CheckOutcome:
    return _NOT_MADE if given.profile.portfolios else _NONE_MADE


def _judge(passed: bool, description: str) -> CheckOutcome:
    return CheckOutcome(passed, dg.AssetCheckSeverity.ERROR, description)


CHECKS = [
    ThresholdCheck(
        PORTFOLIOS,
        "accounts_balance",
        "Cash and positions are the equity at every close, to 1e-9 of it, computed from the fills "
        "alone.",
        [],
        "Do not use the portfolio; report its definition and the day that is named.",
        judge_balance,
        optional=True,
    ),
    ThresholdCheck(
        PORTFOLIOS,
        "portfolio_limits_hold",
        "Weights, sectors, gross and net exposure at every open at which a position was increased, "
        "and the number of positions at every close, are within the limits of the definition.",
        [],
        "Do not use the portfolio; report its definition and the limit that is named.",
        judge_limits,
        optional=True,
    ),
    ThresholdCheck(
        PORTFOLIOS,
        "turnover_is_affordable",
        "Value of all fills per year, both sides, in multiples of the mean equity.",
        ["portfolio_turnover"],
        "Rebalance less often, or with a wider no_trade_band: costs eat what is traded often.",
        judge_turnover,
        optional=True,
    ),
    ThresholdCheck(
        PORTFOLIOS,
        "fills_fit_the_volume",
        "Largest share of a day's volume that one fill was: what is much of it moves the price.",
        ["portfolio_volume_share"],
        "Give the portfolio less capital or more slots, leave out symbols that trade little, or "
        "set costs with square_root_impact, which caps fills.",
        judge_capacity,
        optional=True,
    ),
]
