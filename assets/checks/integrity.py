"""Gates on what backtests are worth: nothing known too early, no money and no signal lost."""

from collections.abc import Callable, Mapping

from assets.checks.check_outcomes import Verdict, none_of, unmeasured, with_sample
from assets.checks.threshold_checks import Gate, Measured
from research.audit.stage_profile import BacktestsProfile, IntegrityFindings, RuleFindings


def _judge(
    rule: Callable[[IntegrityFindings], Mapping[str, RuleFindings]], what: str
) -> Callable[[Measured[BacktestsProfile]], Verdict]:
    def judge(measured: Measured[BacktestsProfile]) -> Verdict:
        strategy = measured.key.path[-1]
        found = rule(measured.profile.integrity).get(strategy)
        if found is None:
            return unmeasured(f"{strategy} gave no result to look at")
        return with_sample(none_of(what, found.offenders, found.symbols), found.offenders)

    return judge


NO_LOOK_AHEAD = Gate(
    "signals_do_not_look_ahead",
    "Whether signals on the first bars alone equal those on all bars, at nine cuts through the "
    "real bars of up to five of the run's symbols.",
    [],
    "The strategy knows the future: no result of it can be believed. Mend it so that the signal "
    "of a bar rests on that bar and earlier ones.",
    _judge(lambda findings: findings.look_ahead, "Signals depend on later bars"),
)
SIGNALS_FILLED = Gate(
    "signals_are_filled",
    "Whether every signal of up to five of the run's symbols was acted on as the contract says.",
    [],
    "The engine dropped a signal. Keep the run's id and its prices, and report it.",
    _judge(lambda findings: findings.dropped_signals, "Signals were dropped"),
)
ACCOUNTS_BALANCE = Gate(
    "accounts_balance",
    "Whether each final value is the capital and the profit of closed and open trades.",
    [],
    "The engine made or lost money that no trade did. Keep the run's id and its prices, and "
    "report it.",
    _judge(lambda findings: findings.imbalance, "Money is missing or too much"),
)
