"""Old runs, the files that they left, and old prices are removed; no result of the store is.

However old, a run stays in Dagster's history while it made the newest materialization of any
partition, and a run's files stay while a row of the result store names it, for its curves are
that row's. Prices that others took the place of stay too, until somebody says for how long: with
them goes the way to make the results of their time again.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg
from pydantic import Field

from assets.partitions.upstream import fetch_newest_by_partition
from pipelines.automation.nightly import TIMEZONE
from resources.price_store.revisions import Revision
from resources.price_store.store import PriceStore
from resources.result_store.resource import ResultStore
from resources.run_artifacts.backtest_files import BacktestFiles

MAINTENANCE = "maintenance"
"""The name of the job and of its schedule."""

_ENDED = [
    dg.DagsterRunStatus.SUCCESS,
    dg.DagsterRunStatus.FAILURE,
    dg.DagsterRunStatus.CANCELED,
]


class OldRuns(dg.Config):
    """Which runs are old enough to go."""

    keep_days: int = Field(
        default=90,
        ge=1,
        description="Runs that were created so many days ago or later are kept; 1 or more.",
    )
    dry_run: bool = Field(default=False, description="Only say what would be removed.")


class OldPrices(dg.Config):
    """Which prices, of those that others took the place of, are old enough to go."""

    keep_days: int | None = Field(
        default=None,
        ge=1,
        description="Prices that were revised so many days ago or later are kept; without it all "
        "are. Results that were made of removed prices stay, and can't be made again.",
    )
    dry_run: bool = Field(default=False, description="Only say what would be removed.")


def build_maintenance_job() -> dg.JobDefinition:
    """Return the job that removes what is old."""

    @dg.op(name="remove_old_runs", description="Removes old runs, and files that no result names.")
    def remove_old_runs(
        context: dg.OpExecutionContext,
        config: OldRuns,
        backtest_files: BacktestFiles,
        result_store: ResultStore,
    ) -> None:
        before = datetime.now(UTC) - timedelta(days=config.keep_days)
        # Runs first, the store after: a run that is named in between is too young to be removed.
        old = ended_before(context.instance, before)
        left = abandoned(context.instance, backtest_files, before)
        needed = referred_to(context.instance)
        named = result_store.manager().run_ids()
        going = [run_id for run_id in old if run_id not in needed]
        files = [run_id for run_id in [*going, *left] if run_id not in named]
        if not config.dry_run:
            remove(context.instance, backtest_files, going, files)
        context.log.info(
            f"{len(old)} runs are older than {config.keep_days} days; "
            f"{len(going)} {_were(config.dry_run)} removed, "
            f"{len(old) - len(going)} are kept, since they made what is newest of a partition. "
            f"The files of {len(files)} runs {_were(config.dry_run)} removed."
        )

    @dg.op(name="remove_old_prices", description="Removes prices that were revised long ago.")
    def remove_old_prices(
        context: dg.OpExecutionContext, config: OldPrices, price_store: PriceStore
    ) -> None:
        if config.keep_days is None:
            context.log.info("All prices are kept: keep_days is not set.")
            return
        before = datetime.now(UTC) - timedelta(days=config.keep_days)
        old = list(revised_before(context, price_store, before))
        if not config.dry_run:
            price_store.remove_revisions(old)
        context.log.info(
            f"{len(old)} versions of prices, revised more than {config.keep_days} days ago, "
            f"{_were(config.dry_run)} removed."
        )

    @dg.job(
        name=MAINTENANCE,
        executor_def=dg.in_process_executor,
        description="Removes old runs from Dagster's history, with their events and logs, but for "
        "those that made the newest materialization of a partition; backtest files that no row of "
        "the result store names; and, where it is told to, prices that were revised long ago. All "
        "rows are kept.",
    )
    def maintenance() -> None:
        remove_old_runs()
        remove_old_prices()

    return maintenance


def build_maintenance_schedule() -> dg.ScheduleDefinition:
    """Return the schedule that launches the job, with the retention of its default."""
    return dg.ScheduleDefinition(
        name=MAINTENANCE,
        job_name=MAINTENANCE,
        cron_schedule="0 6 * * 0",
        execution_timezone=TIMEZONE,
        default_status=dg.DefaultScheduleStatus.STOPPED,
        description="Removes what is old on Sunday mornings. Stopped until somebody starts it.",
    )


def ended_before(instance: dg.DagsterInstance, before: datetime) -> list[str]:
    """Return the runs that have ended and were created before a time."""
    return list(instance.get_run_ids(dg.RunsFilter(statuses=_ENDED, created_before=before)))


def referred_to(instance: dg.DagsterInstance) -> set[str]:
    """Return the runs that made the newest materialization of any asset or partition."""
    found: set[str] = set()
    for key in instance.all_asset_keys():
        newest = instance.get_latest_materialization_event(key)
        found |= {newest.run_id} if newest else set()
        found |= {record.run_id for record in fetch_newest_by_partition(instance, key)}
    return found


def abandoned(
    instance: dg.DagsterInstance, backtest_files: BacktestFiles, before: datetime
) -> list[str]:
    """Return the runs that have left files, wrote none since a time, and are in no history."""
    return [run_id for run_id in backtest_files.runs(before) if not instance.has_run(run_id)]


def remove(
    instance: dg.DagsterInstance,
    backtest_files: BacktestFiles,
    run_ids: Sequence[str],
    of_files: Sequence[str],
) -> None:
    """Remove runs with their events and logs, and the backtest files of some.

    A run itself goes last: what an interruption leaves is found by the next one.
    """
    for run_id in of_files:
        backtest_files.delete(run_id)
    for run_id in run_ids:
        instance.compute_log_manager.delete_logs(prefix=[run_id])
        instance.event_log_storage.delete_events(run_id)
        instance.delete_run(run_id)


def revised_before(
    context: dg.OpExecutionContext, price_store: PriceStore, before: datetime
) -> Iterator[Revision]:
    """Yield the bars of all sources that others took the place of before a time."""
    from resources.price_store.parquet import CorruptBarsError

    for source in price_store.sources():
        for symbol in sorted(price_store.symbols(source)):
            try:
                revisions = price_store.revisions(source, symbol)
            except CorruptBarsError as error:
                context.log.warning(str(error))
            else:
                yield from (one for one in revisions if one.replaced_at < before)


def _were(dry_run: bool) -> str:
    return "would be" if dry_run else "were"
