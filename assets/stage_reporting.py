"""The end of each stage: record its profile, log its failures, fail if it has no results.

A stage is the step of an asset that processes a run's symbols: prices, backtests, summaries. Its
profile is the measurement that the checks judge.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from assets.step_failure import StepFailedError
from engine.failure import Failure
from research.audit.stage_profile import BacktestsProfile, StageProfile
from resources.result_store.run_records import RunRecords

_FAILURES_LOGGED = 5


def close_stage(
    context: dg.AssetExecutionContext | dg.OpExecutionContext,
    run_records: RunRecords,
    stage: str,
    profile: StageProfile,
    failures: Sequence[Failure],
) -> None:
    """Record the stage's profile and failures, and summarize them in Dagster's log."""
    run_records.record(context.run, stage, profile, failures)
    log_failures(context, stage, failures)
    context.log.info(
        f"{profile.succeeded} of {profile.requested} symbols "
        f"in {profile.wall_seconds:.1f} s{_describe_cache(profile)}"
    )


def materialize(
    context: dg.AssetExecutionContext,
    key: dg.AssetKey,
    metadata: Mapping[str, Any],
    data_version: str | None = None,
) -> dg.MaterializeResult:
    """Return the materialization of an asset without partitions, which is shown with `metadata`.

    Metadata of a `MaterializeResult` itself is stored twice, with the step's output as well: of a
    run's pictures and tables that was 0.3 MB.
    """
    context.add_asset_metadata(metadata, asset_key=key)
    version = dg.DataVersion(data_version) if data_version else None
    return dg.MaterializeResult(asset_key=key, data_version=version)


def log_failures(
    context: dg.AssetExecutionContext | dg.OpExecutionContext,
    stage: str,
    failures: Sequence[Failure],
) -> None:
    """Warn of the first failures of a stage, and say how many more there are."""
    for failure in failures[:_FAILURES_LOGGED]:
        context.log.warning(name_failed(vars(failure), format_failure(failure)))
    if len(failures) > _FAILURES_LOGGED:
        context.log.warning(f"... and {len(failures) - _FAILURES_LOGGED} more failures of {stage}")


def _describe_cache(profile: StageProfile) -> str:
    if not isinstance(profile, BacktestsProfile) or profile.cached_results is None:
        return ""
    cached = profile.cached_results
    ignored = " (ignored)" if cached.ignored else ""
    return f"; {cached.hits} of {cached.hits + cached.misses} from cache{ignored}"


def fail_if_nothing_was_made(failures: Sequence[Failure], made: int) -> None:
    """Fail the step if it materialized no partition.

    Raises
    ------
    StepFailedError
        With the reason of the first failure.
    """
    if made:
        return
    if not failures:
        raise StepFailedError("Nothing to process: see what failed upstream.")
    raise build_step_failure(failures)


def build_step_failure(failures: Sequence[Failure]) -> StepFailedError:
    """Return the failure of a step whose symbols failed: with the reason of the first."""
    more = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
    return StepFailedError(format_failure(failures[0]) + more)


def name_failed(failure: Mapping[str, Any], line: str) -> str:
    """Return a line on a failure, with its symbol and strategy before it if it names no symbol."""
    if failure["symbol"] in line:
        return line
    return f"{', '.join(filter(None, (failure['symbol'], failure['strategy'])))}: {line}"


def format_failure(failure: Failure) -> str:
    """Return a failure in one line."""
    return f"{failure.error_class}: {failure.message}"
