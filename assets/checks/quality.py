"""Gates on prices: one for each rule of `resources.price_store.price_quality`."""

from collections.abc import Callable

from assets.checks.check_outcomes import Verdict, at_least, unmeasured, with_sample
from assets.checks.threshold_checks import Gate, Measured
from research.audit.stage_profile import PricesProfile
from resources.price_store.price_quality import PRICE_RULES

_LIMITS = {
    "sessions_are_complete": ["missing_sessions"],
    "bars_are_up_to_date": ["stale_sessions"],
    "jumps_are_explained": ["split_tolerance"],
    "volume_is_traded": ["silent_sessions"],
    "moves_are_usual": ["unusual_move"],
}
_POSSIBLE = {"moves_are_usual"}
"""Rules that good bars may break: of these a check warns, and stops nothing."""
_WHAT_TO_DO = {
    "bars_are_valid": "Bars are looked at before they are stored, and a file that was changed "
    "since is not read: it was this project that stored them so. Report it; materialize again.",
    "sessions_are_complete": "Ask the source for the missing days; for a symbol that was not "
    "listed then, say so in the universe's listed_from and listed_to.",
    "bars_are_up_to_date": "See whether the source has newer bars; a symbol that was delisted "
    "needs its listed_to in the universe.",
    "jumps_are_explained": "Compare with the symbol's splits. If one is missing from the feed's "
    "adjustment, mend the feed and materialize again; a night like that without a split stays.",
    "moves_are_usual": "Nothing, if that is what happened on that day: the bars are kept. If it is "
    "not, mend the feed and materialize again.",
    "volume_is_traded": "A symbol that hardly trades can't be filled at the open: leave it out of "
    "the universe, or judge its results with that in mind.",
}


def _judge(rule: str) -> Callable[[Measured[PricesProfile]], Verdict]:
    def judge(measured: Measured[PricesProfile]) -> Verdict:
        quality = measured.profile.quality
        if not quality.symbols:
            return unmeasured("no symbol's bars could be looked at")
        symbols, offenders = quality.symbols, quality.offenders.get(rule, {})
        clean = symbols - len(offenders)
        limit, warning = measured.thresholds.clean_rate, measured.thresholds.clean_rate_warning
        verdict = at_least(
            f"{clean} of {symbols} symbols are clean",
            clean / symbols,
            0.0 if rule in _POSSIBLE else limit,
            warning,
        )
        return with_sample(verdict, offenders)

    return judge


QUALITY = [
    Gate(
        rule,
        f"Share of the run's symbols with {text}.",
        [*([] if rule in _POSSIBLE else ["clean_rate"]), *_LIMITS.get(rule, [])],
        _WHAT_TO_DO[rule],
        _judge(rule),
        only_warns=rule in _POSSIBLE,
    )
    for rule, text in PRICE_RULES.items()
]
