"""What each stage does at its end: record its profile, log its failures, fail if it made nothing.

A stage is an asset that works through a run's symbols: prices, backtests, summaries. It accounts
for each of them; its profile is the measurement that the checks judge.
"""

from collections.abc import Sequence

import dagster as dg

from engine.failure import Failure
from research.audit.stage_profile import BacktestsProfile, StageProfile
from resources.result_store.run_records import RunLog

_SHOWN = 5


def close_stage(
    context: dg.AssetExecutionContext | dg.OpExecutionContext,
    run_log: RunLog,
    stage: str,
    profile: StageProfile,
    failures: Sequence[Failure],
) -> None:
    """Record the stage in the run log and say in Dagster's log how it went."""
    run_log.record(context.run, stage, profile, failures)
    for failure in failures[:_SHOWN]:
        context.log.warning(_line(failure))
    if len(failures) > _SHOWN:
        context.log.warning(f"... and {len(failures) - _SHOWN} more failures of {stage}")
    context.log.info(
        f"{profile.succeeded} of {profile.requested} symbols "
        f"in {profile.wall_seconds:.1f} s{_describe_cache(profile)}"
    )


def _describe_cache(profile: StageProfile) -> str:
    if not isinstance(profile, BacktestsProfile) or profile.cached_results is None:
        return ""
    cached = profile.cached_results
    ignored = " (ignored)" if cached.ignored else ""
    return f"; {cached.hits} of {cached.hits + cached.misses} from cache{ignored}"


def fail_if_nothing_was_made(failures: Sequence[Failure], made: int) -> None:
    """End the step when it has no partition to show for itself.

    Raises
    ------
    dagster.Failure
        Whose first line is the reason of the first failure.
    """
    if made:
        return
    if not failures:
        raise dg.Failure("Nothing to work on: see what failed upstream.", allow_retries=False)
    raise failure_of(failures)


def failure_of(failures: Sequence[Failure]) -> dg.Failure:
    """Return what ends a step for the sake of its symbols: the first one's reason."""
    more = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
    return dg.Failure(_line(failures[0]) + more, allow_retries=False)


def _line(failure: Failure) -> str:
    return f"{failure.error_class}: {failure.message}"
