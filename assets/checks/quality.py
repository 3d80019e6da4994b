"""Checks of prices: one for each rule of `resources.price_store.price_quality`."""

from collections.abc import Callable

from assets.asset_keys import PRICES
from assets.checks.check_outcomes import CheckOutcome, not_measured, require_at_least
from assets.checks.threshold_checks import CheckInput, ThresholdCheck
from research.audit.stage_profile import PricesProfile
from resources.price_store.price_quality import PRICE_RULES

_LIMITS = {
    "sessions_are_complete": ["missing_sessions"],
    "bars_are_up_to_date": ["stale_sessions"],
    "window_is_covered": ["late_sessions"],
    "jumps_are_explained": ["split_odds"],
    "volume_is_traded": ["silent_sessions"],
    "moves_are_usual": ["unusual_move"],
}
_ONLY_WARN = {"moves_are_usual", "window_is_covered"}
"""Rules that good bars may break."""
_GUIDANCE = {
    "bars_are_valid": "Bars are validated before they are stored, and a file that was changed "
    "since is not read: this project stored them so. Report it; materialize again.",
    "sessions_are_complete": "Fetch the missing days from the source; for a symbol that was not "
    "listed then, set listed_from and listed_to in the universe; for one of another exchange, name "
    "its calendar there.",
    "bars_are_up_to_date": "See whether the source has newer bars; for a symbol that was delisted, "
    "set listed_to in the universe.",
    "jumps_are_explained": "For a split that the feed's adjustment lacks, add one line to the file "
    "of splits (GAUNTLET_SPLITS): symbol,date,ratio, as in AMZN,2022-06-06,20, with 3/2 or 1/8 for "
    "others, and ratio 1 for a real move; then materialize again. Fix a bad tick or unit in the "
    "feed.",
    "window_is_covered": "These symbols were tested over less than the window: fetch earlier bars, "
    "let the window start later, or set listed_from in the universe.",
    "moves_are_usual": "Nothing, if that is what happened on that day: the bars are kept. "
    "Otherwise fix the feed and materialize again.",
    "volume_is_traded": "A symbol that hardly trades can't be filled at the open: remove it from "
    "the universe, or interpret its results accordingly.",
}


def _judge_rule(rule: str) -> Callable[[CheckInput[PricesProfile]], CheckOutcome]:
    def judge_rule(given: CheckInput[PricesProfile]) -> CheckOutcome:
        quality = given.profile.quality
        if not quality.symbols:
            return not_measured("no symbol's bars could be inspected")
        symbols, offenders = quality.symbols, quality.offenders.get(rule, {})
        clean = symbols - len(offenders)
        outcome = require_at_least(
            f"{clean} of {symbols} symbols are clean",
            clean / symbols,
            0.0 if rule in _ONLY_WARN else given.thresholds.clean_rate,
            given.thresholds.clean_rate_warning,
        )
        return outcome.with_offenders(offenders)

    return judge_rule


CHECKS = [
    ThresholdCheck(
        PRICES,
        rule,
        f"Share of the run's symbols with {text}.",
        [*([] if rule in _ONLY_WARN else ["clean_rate"]), *_LIMITS.get(rule, [])],
        _GUIDANCE[rule],
        _judge_rule(rule),
        only_warns=rule in _ONLY_WARN,
    )
    for rule, text in PRICE_RULES.items()
]
