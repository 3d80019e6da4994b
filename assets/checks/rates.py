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
    saved, produced = given.profile.saved_rows, given.profile.produced_rows
    outcome = require_at_least(
        f"{saved} of {produced} produced rows were saved",
        saved / produced if produced else 0.0,
        given.thresholds.saved_rate,
        given.thresholds.saved_rate_warning,
    )
    return outcome.with_failures(given.failures_of(SUMMARIES))


def judge_retrieved_rows(given: CheckInput[SummariesProfile]) -> CheckOutcome:
    """Judge how many of the saved rows read back as they were produced."""
    retrieved, saved = given.profile.retrieved_rows, given.profile.saved_rows
    outcome = require_at_least(
        f"{retrieved} of {saved} saved rows were retrieved",
        retrieved / saved if saved else 0.0,
        given.thresholds.retrieved_rate,
        given.thresholds.retrieved_rate_warning,
    )
    return outcome.with_failures(given.failures_of(SUMMARIES))


_SUCCEEDED = "Share of the run's symbols that succeeded."
_FIX_AND_RERUN = (
    "Fix the cause that the offenders name, then materialize 'missing and failed' partitions."
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
        "Share of the saved rows that read back equal to what was produced.",
        ["retrieved_rate"],
        _LOOK_FOR_WRITERS,
        judge_retrieved_rows,
    ),
]
