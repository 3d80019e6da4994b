"""Which checks each stage has, and how each judges the stage's profile."""

import dagster as dg

from assets.checks.gates import Failures, Gate, Profile, build_gates
from assets.checks.verdicts import Verdict, at_least, megabytes_below, with_offenders
from assets.stages import BACKTESTS, PRICES, PRICES_KEY, SUMMARIES, SUMMARIES_KEY, backtests_key
from resources.thresholds import Thresholds

_FIX_AND_RERUN = (
    "Mend the cause that the offenders name, then materialize 'missing and failed' partitions."
)


def build_checks(strategies: list[str]) -> list[dg.AssetChecksDefinition]:
    """Return the checks of all stages."""
    succeeded = "Share of the run's symbols that succeeded."
    return [
        build_gates(
            PRICES,
            [PRICES_KEY],
            [Gate("success_rate_above_threshold", succeeded, _success_rate)],
        ),
        build_gates(
            BACKTESTS,
            [backtests_key(name) for name in strategies],
            [
                Gate("success_rate_above_threshold", succeeded, _success_rate_of_strategy),
                Gate(
                    "memory_growth_below_threshold",
                    "Resident memory at the end of the run's backtests less that at their start.",
                    _memory_growth,
                ),
            ],
        ),
        build_gates(
            SUMMARIES,
            [SUMMARIES_KEY],
            [
                Gate(
                    "saved_rate_above_threshold",
                    "Share of the produced rows that are in the result store.",
                    _saved_rate,
                ),
                Gate(
                    "retrieved_rate_above_threshold",
                    "Share of the saved rows that read back equal to what was produced.",
                    _retrieved_rate,
                ),
            ],
        ),
    ]


def _success_rate(
    profile: Profile, failures: Failures, thresholds: Thresholds, key: dg.AssetKey
) -> Verdict:
    of_stage = [failure for failure in failures if failure["stage"] == key.path[0]]
    return _rate_of_symbols(profile["succeeded"], profile, of_stage, thresholds)


def _success_rate_of_strategy(
    profile: Profile, failures: Failures, thresholds: Thresholds, key: dg.AssetKey
) -> Verdict:
    strategy = key.path[-1]
    # A symbol whose prices failed could not be tested either: it is an offender here too.
    concerned = [failure for failure in failures if failure["strategy"] in (None, strategy)]
    return _rate_of_symbols(
        profile["succeeded_by_strategy"].get(strategy, 0), profile, concerned, thresholds
    )


def _rate_of_symbols(
    succeeded: int, profile: Profile, failures: Failures, thresholds: Thresholds
) -> Verdict:
    requested = profile["requested"]
    verdict = at_least(
        f"{succeeded} of {requested} symbols succeeded",
        succeeded / requested,
        thresholds.success_rate,
        thresholds.success_rate_warning,
        _FIX_AND_RERUN,
    )
    return with_offenders(verdict, failures)


def _memory_growth(
    profile: Profile, _failures: Failures, thresholds: Thresholds, _key: dg.AssetKey
) -> Verdict:
    return megabytes_below(
        f"From {profile['memory_start_mb']:.0f} MB, with a peak of "
        f"{profile['memory_peak_mb']:.0f} MB, memory grew",
        profile["memory_growth_mb"],
        thresholds.memory_growth_mb,
        thresholds.memory_growth_warning_mb,
        "Lower run_settings.batch_size; if growth does not follow it, something leaks.",
    )


def _saved_rate(
    profile: Profile, failures: Failures, thresholds: Thresholds, _key: dg.AssetKey
) -> Verdict:
    return _rate_of_rows("saved", "produced", profile, failures, thresholds.saved_rate)


def _retrieved_rate(
    profile: Profile, failures: Failures, thresholds: Thresholds, _key: dg.AssetKey
) -> Verdict:
    return _rate_of_rows("retrieved", "saved", profile, failures, thresholds.retrieved_rate)


def _rate_of_rows(
    part: str, whole: str, profile: Profile, failures: Failures, limit: float
) -> Verdict:
    numerator, denominator = profile[f"{part}_rows"], profile[f"{whole}_rows"]
    verdict = at_least(
        f"{numerator} of {denominator} {whole} rows were {part}",
        numerator / denominator if denominator else 0.0,
        limit,
        1.0,
        "Look for writers beside this run and for the database's log, then materialize again.",
    )
    return with_offenders(verdict, [row for row in failures if row["stage"] == SUMMARIES])
