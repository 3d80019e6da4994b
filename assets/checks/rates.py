"""Gates on shares: of the symbols that succeeded, and of the rows that were kept."""

from assets.asset_keys import SUMMARIES
from assets.checks.check_outcomes import Verdict, at_least, with_offenders
from assets.checks.threshold_checks import Gate, Measured

_FIX_AND_RERUN = (
    "Mend the cause that the offenders name, then materialize 'missing and failed' partitions."
)
_SUCCEEDED = "Share of the run's symbols that succeeded."
_LOOK_FOR_WRITERS = (
    "Look for writers beside this run and for the database's log, then materialize again."
)


def success_rate(measured: Measured) -> Verdict:
    """Judge how many of a stage's symbols succeeded."""
    stage = measured.key.path[0]
    of_stage = [failure for failure in measured.failures if failure["stage"] == stage]
    return _of_symbols(measured.profile["succeeded"], measured, of_stage)


def success_rate_of_strategy(measured: Measured) -> Verdict:
    """Judge on how many symbols a strategy succeeded."""
    strategy = measured.key.path[-1]
    # A symbol whose prices failed could not be tested either: it is an offender here too.
    concerned = [one for one in measured.failures if one["strategy"] in (None, strategy)]
    succeeded = measured.profile["succeeded_by_strategy"].get(strategy, 0)
    return _of_symbols(succeeded, measured, concerned)


def _of_symbols(succeeded: int, measured: Measured, failures: list) -> Verdict:
    requested, thresholds = measured.profile["requested"], measured.thresholds
    verdict = at_least(
        f"{succeeded} of {requested} symbols succeeded",
        succeeded / requested,
        thresholds.success_rate,
        thresholds.success_rate_warning,
    )
    return with_offenders(verdict, failures)


def saved_rate(measured: Measured) -> Verdict:
    """Judge how many of the produced rows are in the result store."""
    limits = measured.thresholds.saved_rate, measured.thresholds.saved_rate_warning
    return _of_rows("saved", "produced", measured, *limits)


def retrieved_rate(measured: Measured) -> Verdict:
    """Judge how many of the saved rows read back as they were produced."""
    limits = measured.thresholds.retrieved_rate, measured.thresholds.retrieved_rate_warning
    return _of_rows("retrieved", "saved", measured, *limits)


def _of_rows(part: str, whole: str, measured: Measured, limit: float, warning: float) -> Verdict:
    profile = measured.profile
    numerator, denominator = profile[f"{part}_rows"], profile[f"{whole}_rows"]
    verdict = at_least(
        f"{numerator} of {denominator} {whole} rows were {part}",
        numerator / denominator if denominator else 0.0,
        limit,
        warning,
    )
    return with_offenders(verdict, [one for one in measured.failures if one["stage"] == SUMMARIES])


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
