"""Gates on shares: of the symbols that succeeded, and of the rows that were kept."""

from assets.asset_keys import SUMMARIES
from assets.checks.check_outcomes import Verdict, at_least, with_offenders
from assets.checks.threshold_checks import Failures, Gate, Measured
from research.audit.stage_profile import BacktestsProfile, StageProfile, SummariesProfile

_FIX_AND_RERUN = (
    "Mend the cause that the offenders name, then materialize 'missing and failed' partitions."
)
_SUCCEEDED = "Share of the run's symbols that succeeded."
_LOOK_FOR_WRITERS = (
    "Look for writers beside this run and for the database's log, then materialize again."
)


def success_rate(measured: Measured[StageProfile]) -> Verdict:
    """Judge how many of a stage's symbols succeeded."""
    failures = _failures_of(measured.key.path[0], measured)
    return _of_symbols(measured.profile.succeeded, measured, failures)


def success_rate_of_strategy(measured: Measured[BacktestsProfile]) -> Verdict:
    """Judge on how many symbols a strategy succeeded."""
    strategy = measured.key.path[-1]
    # A symbol whose prices failed could not be tested either: it is an offender here too.
    concerned = [one for one in measured.failures if one["strategy"] in (None, strategy)]
    succeeded = measured.profile.succeeded_by_strategy.get(strategy, 0)
    return _of_symbols(succeeded, measured, concerned)


def _of_symbols(succeeded: int, measured: Measured[StageProfile], failures: Failures) -> Verdict:
    requested, thresholds = measured.profile.requested, measured.thresholds
    verdict = at_least(
        f"{succeeded} of {requested} symbols succeeded",
        succeeded / requested,
        thresholds.success_rate,
        thresholds.success_rate_warning,
    )
    return with_offenders(verdict, failures)


def saved_rate(measured: Measured[SummariesProfile]) -> Verdict:
    """Judge how many of the produced rows are in the result store."""
    profile, thresholds = measured.profile, measured.thresholds
    verdict = at_least(
        f"{profile.saved_rows} of {profile.produced_rows} produced rows were saved",
        profile.saved_rows / profile.produced_rows if profile.produced_rows else 0.0,
        thresholds.saved_rate,
        thresholds.saved_rate_warning,
    )
    return with_offenders(verdict, _failures_of(SUMMARIES, measured))


def retrieved_rate(measured: Measured[SummariesProfile]) -> Verdict:
    """Judge how many of the saved rows read back as they were produced."""
    profile, thresholds = measured.profile, measured.thresholds
    verdict = at_least(
        f"{profile.retrieved_rows} of {profile.saved_rows} saved rows were retrieved",
        profile.retrieved_rows / profile.saved_rows if profile.saved_rows else 0.0,
        thresholds.retrieved_rate,
        thresholds.retrieved_rate_warning,
    )
    return with_offenders(verdict, _failures_of(SUMMARIES, measured))


def _failures_of(stage: str, measured: Measured[StageProfile]) -> Failures:
    return [failure for failure in measured.failures if failure["stage"] == stage]


SUCCESS = Gate(
    "success_rate_above_threshold", _SUCCEEDED, ["success_rate"], _FIX_AND_RERUN, success_rate
)
SUCCESS_OF_STRATEGY = Gate(
    "success_rate_above_threshold",
    _SUCCEEDED,
    ["success_rate"],
    _FIX_AND_RERUN,
    success_rate_of_strategy,
)
SAVED = Gate(
    "saved_rate_above_threshold",
    "Share of the produced rows that are in the result store.",
    ["saved_rate"],
    _LOOK_FOR_WRITERS,
    saved_rate,
)
RETRIEVED = Gate(
    "retrieved_rate_above_threshold",
    "Share of the saved rows that read back equal to what was produced.",
    ["retrieved_rate"],
    _LOOK_FOR_WRITERS,
    retrieved_rate,
)
