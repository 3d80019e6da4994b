"""Reports to Dagster exactly the partitions that a step materialized, and those that failed.

By default Dagster marks an asset that yields its output as materialized for every partition of the
run, all with one data version, and skips what is downstream of an asset that yields none. A step
does better itself: one event for each partition that it materialized, with that partition's own
data version and the versions of its inputs, one for each of the others that says why it failed, and
downstream steps run for the good ones. That depends on an undocumented run tag of Dagster; only
this module knows it, and its tests execute real runs.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import dagster as dg
from dagster._core.definitions.data_version import (
    CODE_VERSION_TAG,
    DATA_VERSION_IS_USER_PROVIDED_TAG,
    DATA_VERSION_TAG,
    DEFAULT_DATA_VERSION,
    get_input_data_version_tag,
    get_input_event_pointer_tag,
)
from dagster._core.definitions.events import (
    AssetMaterializationFailure,
    AssetMaterializationFailureReason,
    AssetMaterializationFailureType,
)

from assets.partitions.event_batch import log_failures, log_materializations
from assets.partitions.upstream import UpstreamPartition
from assets.stage_reporting import format_failure
from engine.failure import Failure
from resources.dagster_event_log.versions import add_source

# dagster._core.storage.tags.EXTERNALLY_MANAGED_ASSETS_TAG: "the events of these assets are
# reported by somebody else". Spelled out, so that an upgrade that renames it fails a test.
_REPORTED_BY_THE_STEP = "dagster/defer_asset_events"

# Older than any materialization: once there is one, what was materialized without it is stale.
_NOT_USED = UpstreamPartition(run_id="", storage_id=1, data_version=DEFAULT_DATA_VERSION.value)


@dataclass(frozen=True)
class MaterializedPartition:
    """A partition that a step materialized.

    Parameters
    ----------
    data_version
        Equal if and only if the content is equal: what is downstream is stale when it changes.
    metadata
        What the UI shows of it.
    """

    data_version: str
    metadata: Mapping[str, Any]


@dataclass(frozen=True)
class StepOutcome:
    """What came of a step.

    Parameters
    ----------
    source
        The source of prices that the step used.
    made
        What was materialized, by asset and partition; the other partitions of the run failed.
    failures
        Why. A partition without any failed in a step before this one.
    upstream
        The inputs, by upstream asset and partition, as `find_upstream` returns them.
    """

    source: str
    made: Mapping[dg.AssetKey, Mapping[str, MaterializedPartition]]
    failures: Iterable[Failure] = ()
    upstream: Mapping[dg.AssetKey, Mapping[str, UpstreamPartition]] = field(default_factory=dict)


def report_partitions(
    context: dg.AssetExecutionContext, outcome: StepOutcome
) -> Iterator[dg.MaterializeResult]:
    """Yield the outputs of a step such that exactly the partitions that it made are materialized.

    The others count as failed, even if an earlier run materialized them.
    """
    made = outcome.made
    log_materializations(
        context,
        [
            dg.AssetMaterialization(
                key,
                partition=partition,
                metadata=one.metadata,
                tags=_build_version_tags(context, key, partition, one, outcome),
            )
            for key, partitions in made.items()
            for partition, one in partitions.items()
        ],
    )
    log_failures(context, list(_find_failed(context.partition_keys, outcome)))
    yield from yield_unreported(context, outcome.made)


def yield_unreported(
    context: dg.AssetExecutionContext, keys: Iterable[dg.AssetKey]
) -> Iterator[dg.MaterializeResult]:
    """Yield the outputs of assets without materializing them: what depends on them runs."""
    # In memory only, and only while the outputs are stored: the stored run never has the tag, and
    # the next step's events are Dagster's again.
    tags = cast("dict[str, str]", context.run.tags)
    tags[_REPORTED_BY_THE_STEP] = "true"
    try:
        for key in keys:
            yield dg.MaterializeResult(asset_key=key)
    finally:
        tags.pop(_REPORTED_BY_THE_STEP, None)


def report_lost_inputs(
    context: dg.AssetExecutionContext, lost: Mapping[dg.AssetKey, Iterable[str]], why: str
) -> None:
    """Count partitions of inputs as failed: what was materialized of them is not there any more.

    So a retry of what failed makes them again, and not only what is downstream of them.
    """
    reason = AssetMaterializationFailureReason.FAILED_TO_MATERIALIZE
    kind = AssetMaterializationFailureType.FAILED
    failures = [
        AssetMaterializationFailure(key, kind, reason, description=why, partition=partition)
        for key, partitions in lost.items()
        for partition in partitions
    ]
    log_failures(context, failures)


def _build_version_tags(
    context: dg.AssetExecutionContext,
    key: dg.AssetKey,
    partition: str,
    one: MaterializedPartition,
    outcome: StepOutcome,
) -> dict[str, str]:
    """Return the tags that Dagster attaches to its own events, and judges staleness by."""
    code_version = context.assets_def.code_versions_by_key.get(key) or context.run.run_id
    tags = {
        # Run config may have another source than the definitions.
        CODE_VERSION_TAG: add_source(code_version, outcome.source),
        DATA_VERSION_TAG: add_source(one.data_version, outcome.source),
        DATA_VERSION_IS_USER_PROVIDED_TAG: "true",
    }
    for parent in context.assets_def.asset_deps[key]:
        source = outcome.upstream.get(parent, {}).get(partition, _NOT_USED)
        tags[get_input_data_version_tag(parent)] = source.data_version
        tags[get_input_event_pointer_tag(parent)] = str(source.storage_id)
    return tags


def _find_failed(
    partitions: Iterable[str], outcome: StepOutcome
) -> Iterator[AssetMaterializationFailure]:
    """Yield the partitions that were not materialized, by asset."""
    reasons = {(one.symbol, one.strategy): one for one in outcome.failures}
    for key, made in outcome.made.items():
        for partition in partitions:
            if partition not in made:
                own = reasons.get((partition, key.path[-1]))
                yield _build_failure(key, partition, own or reasons.get((partition, None)))


def _build_failure(
    key: dg.AssetKey, partition: str, failure: Failure | None
) -> AssetMaterializationFailure:
    reasons = AssetMaterializationFailureReason
    return AssetMaterializationFailure(
        key,
        AssetMaterializationFailureType.FAILED,
        reasons.FAILED_TO_MATERIALIZE if failure else reasons.UPSTREAM_FAILED_TO_MATERIALIZE,
        description=format_failure(failure) if failure else f"{partition} failed before this step.",
        partition=partition,
    )
