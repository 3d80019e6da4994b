"""Checks of the audit: no look-ahead, no signal dropped, no money lost."""

from collections.abc import Callable, Mapping

from assets.asset_keys import BACKTESTS
from assets.checks.check_outcomes import CheckOutcome, not_measured, require_none
from assets.checks.threshold_checks import CheckInput, ThresholdCheck
from research.audit.findings import IntegrityFindings, RuleFindings
from research.audit.stage_profile import BacktestsProfile

FindingsOf = Callable[[IntegrityFindings], Mapping[str, RuleFindings]]


def _judge_rule(
    findings_of: FindingsOf, what: str
) -> Callable[[CheckInput[BacktestsProfile]], CheckOutcome]:
    def judge_rule(given: CheckInput[BacktestsProfile]) -> CheckOutcome:
        strategy = given.key.path[-1]
        found = findings_of(given.profile.integrity).get(strategy)
        if found is None:
            return not_measured(f"no result of {strategy} could be audited")
        return require_none(what, found.offenders, found.symbols)

    return judge_rule


CHECKS = [
    ThresholdCheck(
        BACKTESTS,
        "signals_do_not_look_ahead",
        "Whether signals, and the strength that portfolios rank them by, are the same on the first "
        "bars alone as on all bars, at nine cuts through the real bars of up to five of the run's "
        "symbols; of strategies that learn, at nine of the first symbol and two of each other.",
        [],
        "The strategy uses future bars: none of its results can be trusted. Fix it so that the "
        "signal of a bar depends on that bar and earlier ones only.",
        _judge_rule(lambda findings: findings.look_ahead, "Signals depend on later bars"),
    ),
    ThresholdCheck(
        BACKTESTS,
        "signals_are_filled",
        "Whether every signal of up to five of the run's symbols was filled as documented.",
        [],
        "The engine dropped a signal. Keep the run's id and its prices, and report it.",
        _judge_rule(lambda findings: findings.dropped_signals, "Signals were dropped"),
    ),
    ThresholdCheck(
        BACKTESTS,
        "accounts_balance",
        "Whether each final value is the capital, the profit of closed and open trades, and "
        "interest less borrow fees.",
        [],
        "The engine made or lost money outside of trades. Keep the run's id and its prices, and "
        "report it.",
        _judge_rule(
            lambda findings: findings.imbalance,
            "The final value does not reconcile with trade P&L",
        ),
    ),
]
