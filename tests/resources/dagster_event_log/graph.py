"""A small graph whose runs have events of every kind, and instances that store them.

It runs in this process or, as `python -m tests.resources.dagster_event_log.graph FOLDER CLASS`, in
a separate one that can be killed.
"""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.loader import LoadingContextForTest
from dagster._core.storage.partition_status_cache import get_partition_subsets
from pydantic import Field

from assets.partitions.partition_reporting import (
    MaterializedPartition,
    StepOutcome,
    report_partitions,
)
from assets.partitions.upstream import find_upstream
from engine.failure import Failure
from tests.instances import opened

KEYS = dg.StaticPartitionsDefinition(["A", "B", "C", "D"])
RANGE = {"dagster/asset_partition_range_start": "A", "dagster/asset_partition_range_end": "D"}
SOURCE, DERIVED, BROKEN, WHOLE = map(dg.AssetKey, ("source", "derived", "broken", "whole"))
PARTITIONED = (SOURCE, DERIVED, BROKEN)

Statuses = dict[str, dict[str, set[str]]]


class Script(dg.ConfigurableResource):
    """What the assets do."""

    bad: list[str] = Field(default=[])
    prices: str = "toy"
    stop: bool = False


SEEN: list[Statuses] = []
"""The statuses in the Dagster UI while `derived` was running, one entry per run."""


@dg.asset(partitions_def=KEYS, backfill_policy=dg.BackfillPolicy.single_run(), code_version="7")
def source(context: dg.AssetExecutionContext, script: Script):
    made = {
        key: MaterializedPartition(f"version of {key}", {"of": key})
        for key in context.partition_keys
        if key not in script.bad
    }
    failures = [Failure(key, "ToyError", "told to fail") for key in script.bad]
    yield from report_partitions(context, StepOutcome(script.prices, {SOURCE: made}, failures))


@dg.asset_check(asset=source)
def rows_are_there() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True, metadata={"rows": 3})


@dg.asset_check(asset=source)
def rows_are_many() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=False, severity=dg.AssetCheckSeverity.WARN)


@dg.asset(deps=[source], partitions_def=KEYS, backfill_policy=dg.BackfillPolicy.single_run())
def derived(context: dg.AssetExecutionContext, script: Script) -> None:
    SEEN.append(statuses(context.instance))
    context.log_event(
        dg.AssetObservation(SOURCE, partition="A", tags={"dagster/data_version": "1"})
    )
    context.log.info("a message, which is not an event")
    if script.stop:
        sys.stdout.write("stopped\n")
        sys.stdout.flush()
        sys.stdin.read()
    find_upstream(context, SOURCE, list(context.partition_keys), "toy")


@dg.asset(deps=[derived], backfill_policy=dg.BackfillPolicy.single_run())
def whole() -> None:
    pass


@dg.asset(deps=[derived], partitions_def=KEYS, backfill_policy=dg.BackfillPolicy.single_run())
def broken() -> None:
    raise dg.Failure("told to fail", allow_retries=False)


def run(
    instance: dg.DagsterInstance,
    *,
    tags: dict[str, str] | None = None,
    job_name: str = "everything",
    **script: Any,
) -> dg.ExecuteInProcessResult:
    """Run the graph over all partitions; it fails, since `broken` does, or without that."""
    every = dg.AssetSelection.all()
    definitions = dg.Definitions(
        assets=[source, derived, whole, broken],
        asset_checks=[rows_are_there, rows_are_many],
        jobs=[
            dg.define_asset_job("everything", every),
            dg.define_asset_job("unbroken", every - dg.AssetSelection.assets(BROKEN)),
        ],
        resources={"script": Script(**script)},
        executor=dg.in_process_executor,
    )
    job = definitions.resolve_job_def(job_name)
    return job.execute_in_process(instance=instance, tags=tags or RANGE, raise_on_error=False)


def statuses(instance: dg.DagsterInstance) -> Statuses:
    """Return the status of each asset's partitions in the Dagster UI."""
    shown: Statuses = {}
    for key in PARTITIONED:
        subsets = asyncio.run(
            get_partition_subsets(instance, LoadingContextForTest(instance), key, instance, KEYS)
        )
        names = ("materialized", "failed", "in progress")
        shown[key.to_user_string()] = {
            name: set(subset.get_partition_keys()) if subset else set()
            for name, subset in zip(names, subsets, strict=True)
        }
    return shown


@contextmanager
def batches_of(size: int) -> Iterator[None]:
    """Set the batch size of Dagster's events; 0 disables batches."""
    import pytest

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_EVENT_BATCH_SIZE", str(size))
        yield


if __name__ == "__main__":
    with opened(Path(sys.argv[1])) as here:
        run(here, stop="stop" in sys.argv)
