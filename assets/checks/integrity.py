"""Gates on what backtests are worth: nothing known too early, no money and no signal lost."""

from collections.abc import Callable

from assets.checks.check_outcomes import Verdict, none_of, unmeasured, with_sample
from assets.checks.threshold_checks import Gate, Measured


def _judge(rule: str, what: str) -> Callable[[Measured], Verdict]:
    def judge(measured: Measured) -> Verdict:
        strategy = measured.key.path[-1]
        found = measured.profile.get("integrity", {}).get(rule, {}).get(strategy)
        if found is None:
            return unmeasured(f"{strategy} gave no result to look at")
        offenders = found["offenders"]
        return with_sample(none_of(what, offenders, found["symbols"]), offenders)

    return judge


NO_LOOK_AHEAD = Gate(
    "signals_do_not_look_ahead",
    "Whether signals on the first bars alone equal those on all bars, at nine cuts through the "
    "real bars of up to five of the run's symbols.",
    [],
    "The strategy knows the future: no result of it can be believed. Mend it so that the signal "
    "of a bar rests on that bar and earlier ones.",
    _judge("look_ahead", "Signals depend on later bars"),
)
SIGNALS_FILLED = Gate(
    "signals_are_filled",
    "Whether every signal of up to five of the run's symbols was acted on as the contract says.",
    [],
    "The engine dropped a signal. Keep the run's id and its prices, and report it.",
    _judge("dropped_signals", "Signals were dropped"),
)
ACCOUNTS_BALANCE = Gate(
    "accounts_balance",
    "Whether each final value is the capital and the profit of closed and open trades.",
    [],
    "The engine made or lost money that no trade did. Keep the run's id and its prices, and "
    "report it.",
    _judge("imbalance", "Money is missing or too much"),
)
