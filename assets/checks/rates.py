"""Checks of shares: of the symbols that succeeded, and of the rows that were stored."""

from assets.asset_keys import BACKTESTS, PRICES, SUMMARIES
from assets.checks.check_outcomes import CheckOutcome, require_at_least
from assets.checks.threshold_checks import CheckInput, FailureRows, ThresholdCheck
from research.audit.stage_profile import BacktestsProfile, StageProfile, SummariesProfile


def judge_success(given: CheckInput[StageProfile]) -> CheckOutcome:
    """Judge how many of a stage's symbols succeeded."""
    return _judge_symbols(given.profile.succeeded, given, given.failures_of(given.key.path[0]))


def judge_success_of_strategy(given: CheckInput[BacktestsProfile]) -> CheckOutcome:
    """Judge on how many symbols a strategy succeeded."""
    strategy = given.key.path[-1]
    # A symbol whose prices failed could not be tested either: it is an offender here too.
    concerned = [one for one in given.failures if one["strategy"] in (None, strategy)]
    succeeded = given.profile.succeeded_by_strategy.get(strategy, 0)
    return _judge_symbols(succeeded, given, concerned)


def _judge_symbols(
    succeeded: int, given: CheckInput[StageProfile], failures: FailureRows
) -> CheckOutcome:
    requested = given.profile.requested
    outcome = require_at_least(
        f"{succeeded} of {requested} symbols succeeded",
        succeeded / requested,
        given.thresholds.success_rate,
        given.thresholds.success_rate_warning,
    )
    return outcome.with_failures(failures)


def judge_saved_rows(given: CheckInput[SummariesProfile]) -> CheckOutcome:
    """Judge how many of the produced rows are in the result store."""
    return _judge_rows(given, "produced", "saved")


def judge_retrieved_rows(given: CheckInput[SummariesProfile]) -> CheckOutcome:
    """Judge how many of the saved rows read back as they were produced."""
    return _judge_rows(given, "saved", "retrieved")


def _judge_rows(given: CheckInput[SummariesProfile], of: str, which: str) -> CheckOutcome:
    every, some = (getattr(given.profile, f"{name}_rows") for name in (of, which))
    outcome = require_at_least(
        f"{some} of {every} {of} rows were {which}",
        some / every if every else 0.0,
        getattr(given.thresholds, f"{which}_rate"),
        getattr(given.thresholds, f"{which}_rate_warning"),
    )
    return outcome.with_failures(given.failures_of(SUMMARIES))


_SUCCEEDED = "Share of the run's symbols that succeeded."
_FIX_AND_RERUN = (
    "Fix the cause that the offenders name, then materialize what failed: `make retry`, or 'Failed "
    "and missing' in the Materialize dialog."
)
_LOOK_FOR_WRITERS = (
    "Look for concurrent writers and into the database's log, then materialize again."
)

CHECKS = [
    ThresholdCheck(
        PRICES,
        "success_rate_above_threshold",
        _SUCCEEDED,
        ["success_rate"],
        _FIX_AND_RERUN,
        judge_success,
    ),
    ThresholdCheck(
        BACKTESTS,
        "success_rate_above_threshold",
        _SUCCEEDED,
        ["success_rate"],
        _FIX_AND_RERUN,
        judge_success_of_strategy,
    ),
    ThresholdCheck(
        SUMMARIES,
        "saved_rate_above_threshold",
        "Share of the produced rows that are in the result store.",
        ["saved_rate"],
        _LOOK_FOR_WRITERS,
        judge_saved_rows,
    ),
    ThresholdCheck(
        SUMMARIES,
        "retrieved_rate_above_threshold",
        "Share of the saved rows that read back, with their trades, equal to what the engine gave, "
        "to the bit.",
        ["retrieved_rate"],
        _LOOK_FOR_WRITERS,
        judge_retrieved_rows,
    ),
]
