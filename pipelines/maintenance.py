"""Old runs and the files that they left are removed; what anything refers to stays.

Kept, however old: a run that made the newest materialization of any partition, and one that a row
of the result store names, for its curves are that row's. No row of the store is removed, and no
version of prices, for old results are made again from them.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice

import dagster as dg
from dagster import DagsterEventType
from pydantic import Field

from pipelines.nightly import TIMEZONE
from resources.backtest_files import BacktestFiles
from resources.result_store.resource import ResultStore

MAINTENANCE = "maintenance"
"""The name of the job and of its schedule."""

_ENDED = [
    dg.DagsterRunStatus.SUCCESS,
    dg.DagsterRunStatus.FAILURE,
    dg.DagsterRunStatus.CANCELED,
]

# SQLite allows a statement some ten thousand parameters, old ones 999.
_RECORDS_A_QUESTION = 500


class Retention(dg.Config):
    """What is old enough to go."""

    keep_days: int = Field(
        default=90,
        ge=1,
        description="Runs that were created so many days ago or later are kept; 1 or more.",
    )
    dry_run: bool = Field(default=False, description="Only say what would be removed.")


def build_maintenance_job() -> dg.JobDefinition:
    """Return the job that removes what is old."""

    @dg.op(name="remove_old_runs", description="Removes old runs to which nothing refers.")
    def remove_old_runs(
        context: dg.OpExecutionContext,
        config: Retention,
        backtest_files: BacktestFiles,
        result_store: ResultStore,
    ) -> None:
        before = datetime.now(UTC) - timedelta(days=config.keep_days)
        # Runs first, the store after: a run that is named in between is too young to be removed.
        old = ended_before(context.instance, before)
        kept = referred_to(context.instance) | result_store.manager().run_ids()
        going = [run_id for run_id in old if run_id not in kept]
        if not config.dry_run:
            remove(context.instance, backtest_files, going)
        context.log.info(
            f"{len(old)} runs are older than {config.keep_days} days; "
            f"{len(going)} {'would be' if config.dry_run else 'were'} removed, "
            f"{len(old) - len(going)} are kept, since newest results refer to them."
        )

    @dg.job(
        name=MAINTENANCE,
        executor_def=dg.in_process_executor,
        description="Removes old runs from Dagster's history, with their events, logs and "
        "backtest files. The runs to which the newest materialization of a partition or a row of "
        "the result store refers are kept, and so are all rows and all prices.",
    )
    def maintenance() -> None:
        remove_old_runs()

    return maintenance


def build_maintenance_schedule() -> dg.ScheduleDefinition:
    """Return the schedule that launches the job, with the retention of its default."""
    return dg.ScheduleDefinition(
        name=MAINTENANCE,
        job_name=MAINTENANCE,
        cron_schedule="0 6 * * 0",
        execution_timezone=TIMEZONE,
        default_status=dg.DefaultScheduleStatus.STOPPED,
        description="Removes old runs on Sunday mornings. Stopped until somebody starts it.",
    )


def ended_before(instance: dg.DagsterInstance, before: datetime) -> list[str]:
    """Return the runs that have ended and were created before a time."""
    return list(instance.get_run_ids(dg.RunsFilter(statuses=_ENDED, created_before=before)))


def referred_to(instance: dg.DagsterInstance) -> set[str]:
    """Return the runs that made the newest materialization of any asset or partition."""
    found: set[str] = set()
    storage, event = instance.event_log_storage, DagsterEventType.ASSET_MATERIALIZATION
    for key in instance.all_asset_keys():
        newest = instance.get_latest_materialization_event(key)
        found |= {newest.run_id} if newest else set()
        places = iter(storage.get_latest_storage_id_by_partition(key, event).values())
        while some := list(islice(places, _RECORDS_A_QUESTION)):
            wanted = dg.AssetRecordsFilter(asset_key=key, storage_ids=some)
            page = instance.fetch_materializations(wanted, limit=len(some))
            found |= {record.run_id for record in page.records}
    return found


def remove(
    instance: dg.DagsterInstance, backtest_files: BacktestFiles, run_ids: Sequence[str]
) -> None:
    """Remove runs, with what they left.

    The run itself goes last: what an interruption leaves is found by the next one.
    """
    for run_id in run_ids:
        backtest_files.delete(run_id)
        instance.compute_log_manager.delete_logs(prefix=[run_id])
        instance.delete_run(run_id)
