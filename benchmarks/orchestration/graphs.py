"""Graphs of empty assets, and instances that store their events in different ways."""

import os
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg

STOCK, OURS = "Dagster's own SQLite", "this project's SQLite"
STOCK_POSTGRES, OURS_POSTGRES = "dagster-postgres", "this project's PostgreSQL"

_CLASSES = {
    STOCK: ("dagster._core.storage.event_log", "SqliteEventLogStorage"),
    OURS: ("resources.dagster_event_log.sqlite", "BatchedSqliteEventLogStorage"),
    STOCK_POSTGRES: ("dagster_postgres", "PostgresEventLogStorage"),
    OURS_POSTGRES: ("resources.dagster_event_log.postgres", "BatchedPostgresEventLogStorage"),
}
_BATCHES = "DAGSTER_EVENT_BATCH_SIZE"

# As in pipelines.definitions: Dagster warns for each asset that backfill policies are in beta.
warnings.simplefilter("ignore", dg.BetaWarning)

Graph = Callable[[dg.DagsterInstance], dg.ExecuteInProcessResult]


def on(storage: str, graph: Graph, postgres: str | None = None) -> Callable[[], None]:
    """Return a contender that runs the graph on a new instance with the named event storage."""

    def contender() -> None:
        with _instance(storage, postgres) as instance:
            assert graph(instance).success  # noqa: S101 - a failed run must not be timed

    return contender


@contextmanager
def _instance(storage: str, postgres: str | None) -> Iterator[dg.DagsterInstance]:
    module, name = _CLASSES[storage]
    given = os.environ.pop(_BATCHES, None)
    with tempfile.TemporaryDirectory(prefix="gauntlet-benchmark-") as folder:
        where = {"postgres_url": postgres} if postgres else {"base_dir": f"{folder}/history/runs"}
        settings = {
            "event_log_storage": {"module": module, "class": name, "config": where},
            "run_storage": _dagster_storage("runs", "SqliteRunStorage", f"{folder}/history"),
            "schedule_storage": _dagster_storage("schedules", "SqliteScheduleStorage", folder),
            "telemetry": {"enabled": False},
            "python_logs": {"python_log_level": "ERROR"},
        }
        try:
            with dg.DagsterInstance.local_temp(folder, overrides=settings) as instance:
                yield instance
        finally:
            # A storage sets it when it opens: the next one must not see it.
            os.environ.pop(_BATCHES, None)
            if given is not None:
                os.environ[_BATCHES] = given


def _dagster_storage(kind: str, name: str, folder: str) -> dict[str, Any]:
    return {
        "module": f"dagster._core.storage.{kind}",
        "class": name,
        "config": {"base_dir": folder},
    }


def ranged(definitions: dg.Definitions, partitions: Sequence[str]) -> Graph:
    """Return a graph: all assets of the definitions, for all partitions, in one run."""
    job = dg.define_asset_job("benchmark", dg.AssetSelection.all())
    resolved = dg.Definitions.merge(definitions, dg.Definitions(jobs=[job])).resolve_job_def(
        "benchmark"
    )
    tags = {
        "dagster/asset_partition_range_start": partitions[0],
        "dagster/asset_partition_range_end": partitions[-1],
    }
    return lambda instance: resolved.execute_in_process(
        instance=instance, tags=tags, raise_on_error=False
    )


def chain(assets: int, partitions: int) -> Graph:
    """Return a graph of empty assets, each downstream of the one before."""
    keys = [f"S{number:05}" for number in range(partitions)]
    symbols = dg.StaticPartitionsDefinition(keys)
    made = [_nothing(number, symbols) for number in range(assets)]
    return ranged(dg.Definitions(assets=made, executor=dg.in_process_executor), keys)


def _nothing(number: int, symbols: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    @dg.asset(
        name=f"asset_{number:02}",
        deps=[f"asset_{number - 1:02}"] if number else [],
        partitions_def=symbols,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def nothing() -> None:
        pass

    return nothing


def emptied(definitions: dg.Definitions) -> dg.Definitions:
    """Return definitions with the same assets and checks, whose bodies do nothing."""
    assets = [one for one in definitions.assets or [] if isinstance(one, dg.AssetsDefinition)]
    checks = [one for one in definitions.asset_checks or [] if one.check_specs]
    return dg.Definitions(
        assets=[_empty_assets(one) for one in assets],
        asset_checks=[_empty_checks(one) for one in checks],
        executor=dg.in_process_executor,
    )


def _empty_assets(original: dg.AssetsDefinition) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name=original.op.name,
        specs=[spec.replace_attributes(partitions_def=None) for spec in original.specs],
        partitions_def=original.partitions_def,
        backfill_policy=original.backfill_policy,
        can_subset=original.can_subset,
    )
    def empty(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult]:
        for key in context.selected_asset_keys:
            yield dg.MaterializeResult(asset_key=key)

    return empty


def _empty_checks(original: Any) -> dg.AssetChecksDefinition:
    @dg.multi_asset_check(name=original.op.name, specs=list(original.check_specs), can_subset=True)
    def empty(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        for key in context.selected_asset_check_keys:
            yield dg.AssetCheckResult(passed=True, asset_key=key.asset_key, check_name=key.name)

    return empty


def counted(definitions: dg.Definitions) -> Mapping[str, int]:
    """Return the number of assets and checks."""
    graph = definitions.resolve_asset_graph()
    return {"assets": len(graph.get_all_asset_keys()), "checks": len(graph.asset_check_keys)}


def scratch() -> Path:
    """Return a new folder, which is not removed: a server in it runs until this process ends."""
    return Path(tempfile.mkdtemp(prefix="gauntlet-benchmark-"))
