"""Removes old runs, their files and superseded prices; never a result of the result store.

It is on from the beginning, because every run adds to Dagster's history: 42 kB per symbol.
However old, a run stays in Dagster's history while it made the newest materialization of any
partition, is the newest attempt at one, or has the newest event that says of one that it failed:
without it, a partition that failed would count as good.
A run's files stay while a row of the result store names the run: they hold the row's equity curve.
Of those that stay, what attempts of workers left uncommitted goes: a host may write after its run.
Files of sweeps, walk-forwards, tests of robustness and portfolios go with their age, but for the
newest of each strategy, or name: whoever wants one again computes it again. So do reports but for
the newest: `make report` writes any of them again. The ledger of trials and the days of the forward
record are kept for good; positions of tomorrow, which the next night supersedes, for some nights.
Superseded prices stay as well unless `keep_days` is set: without them the results that were
computed from them can't be reproduced.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg
from pydantic import Field

from assets.asset_keys import ROBUSTNESS, WALK_FORWARD
from assets.partitions.upstream import fetch_failed_partitions, fetch_newest_by_partition
from resources.config.environment import DEFAULT_KEEP_DAYS
from resources.files.reports import Reports
from resources.price_store.errors import CorruptBarsError
from resources.price_store.revisions import Revision
from resources.price_store.store import PriceStore
from resources.result_store.resource import ResultStore
from resources.run_artifacts.backtest_files import BacktestFiles
from resources.run_artifacts.portfolio_files import PortfolioFiles
from resources.run_artifacts.stored_backtests import DamagedBacktestsError
from resources.trading_calendar import NEW_YORK

if TYPE_CHECKING:
    from resources.run_artifacts.research_files import ResearchFiles
    from resources.run_artifacts.sweep_files import SweepFiles

    OldFiles = SweepFiles | ResearchFiles | PortfolioFiles

MAINTENANCE = "maintenance"
"""The name of the job and of its schedule."""

_ENDED = [
    dg.DagsterRunStatus.SUCCESS,
    dg.DagsterRunStatus.FAILURE,
    dg.DagsterRunStatus.CANCELED,
]


class OldRuns(dg.Config):
    """Which runs are old enough to be removed."""

    keep_days: int = Field(
        default=DEFAULT_KEEP_DAYS,
        ge=1,
        description="Runs that were created within so many days are kept; 1 or more.",
    )
    keep_positions: int = Field(
        default=30,
        ge=1,
        description="Positions of tomorrow of so many nights are kept, the newest ones; a night "
        "is a day in UTC, with all of its runs.",
    )
    dry_run: bool = Field(default=False, description="Only log what would be removed.")


class OldPrices(dg.Config):
    """Which superseded prices are old enough to be removed."""

    keep_days: int | None = Field(
        default=None,
        ge=1,
        description="Prices that were superseded within so many days are kept; by default all "
        "are. Results that were computed from removed prices stay, but can't be reproduced.",
    )
    dry_run: bool = Field(default=False, description="Only log what would be removed.")


@dg.op(name="remove_old_runs", description="Removes old runs, and files that no result needs.")
def remove_old_runs(
    context: dg.OpExecutionContext,
    config: OldRuns,
    backtest_files: BacktestFiles,
    result_store: ResultStore,
    reports: Reports,
) -> None:
    """Remove old runs from Dagster's history, files that no row names, and old reports."""
    from reports.folder import find_old_reports

    before = datetime.now(UTC) - timedelta(days=config.keep_days)
    # Runs first, then the store: a run that is saved in between is too young to be removed.
    old = find_ended_runs(context.instance, before)
    left = find_abandoned_runs(context.instance, backtest_files, before)
    referenced = find_referenced_runs(context.instance)
    manager = result_store.manager()
    named = manager.get_run_ids()
    going = [run_id for run_id in old if run_id not in referenced]
    files = [run_id for run_id in [*going, *left] if run_id not in named]
    late = find_late_files(context, backtest_files, sorted({*old, *left} - {*files}))
    research = find_old_research(backtest_files, before)
    sites = find_old_reports(reports.root, before)
    nights = list(manager.get_position_runs().values())[config.keep_positions :]
    if not config.dry_run:
        for site in sites:
            site.delete()
        remove_runs(context.instance, backtest_files, going, files)
        for run_id in late:
            backtest_files.remove_uncommitted(run_id)
        remove_research(research)
        manager.remove_next_positions([run_id for night in nights for run_id in night])
        give_back_space(context.instance)
    context.log.info(
        f"{len(old)} runs are older than {config.keep_days} days; "
        f"{len(going)} {_were(config.dry_run)} removed, {len(old) - len(going)} are kept "
        "because they made the newest materialization of a partition, or tried to, or reported "
        "that it failed. "
        f"The files of {len(files)} runs and of {len(research)} results of research, "
        f"{len(sites)} reports, and the positions of {len(nights)} nights "
        f"{_were(config.dry_run)} removed, and {sum(late.values())} files of attempts that were "
        "not committed."
    )


@dg.op(name="remove_old_prices", description="Removes superseded prices.")
def remove_old_prices(
    context: dg.OpExecutionContext, config: OldPrices, price_store: PriceStore
) -> None:
    """Remove superseded prices, if it is configured for how long they are kept."""
    if config.keep_days is None:
        context.log.info("All superseded prices are kept: keep_days is not set.")
        return
    before = datetime.now(UTC) - timedelta(days=config.keep_days)
    old = list(find_superseded_prices(context, price_store, before))
    if not config.dry_run:
        price_store.remove_revisions(old)
    context.log.info(
        f"{len(old)} versions of prices, superseded more than {config.keep_days} days ago, "
        f"{_were(config.dry_run)} removed."
    )


def build_maintenance_job() -> dg.JobDefinition:
    """Return the job that removes old runs, files and prices."""

    @dg.job(
        name=MAINTENANCE,
        executor_def=dg.in_process_executor,
        description="Removes old runs from Dagster's history, with their events and logs, except "
        "those that made the newest materialization of a partition, or tried to, or reported that "
        "it failed; backtest files that no row of the result store names; files of old sweeps, "
        "walk-forwards, tests of robustness and portfolios; old reports; positions of tomorrow but "
        "for those of the last nights; and, if keep_days is set for it, superseded prices. All "
        "other rows are kept.",
    )
    def maintenance() -> None:
        remove_old_runs()
        remove_old_prices()

    return maintenance


def build_maintenance_schedule(keep_days: int) -> dg.ScheduleDefinition:
    """Return the schedule that launches the job, which keeps runs for so many days."""
    return dg.ScheduleDefinition(
        name=MAINTENANCE,
        job_name=MAINTENANCE,
        cron_schedule="0 6 * * 0",
        execution_timezone=NEW_YORK,
        run_config={"ops": {"remove_old_runs": {"config": {"keep_days": keep_days}}}},
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Removes runs of more than {keep_days} days on Sunday mornings.",
    )


def find_ended_runs(instance: dg.DagsterInstance, before: datetime) -> list[str]:
    """Return the runs that have ended and were created before a time."""
    return list(instance.get_run_ids(dg.RunsFilter(statuses=_ENDED, created_before=before)))


def find_referenced_runs(instance: dg.DagsterInstance) -> set[str]:
    """Return the runs that made the newest materialization of any asset or partition.

    So are those that tried to make a partition since then, and those that say that it failed, which
    need not be the same: without them it would count as good.
    """
    found: set[str] = set()
    find_tried = instance.event_log_storage.get_latest_asset_partition_materialization_attempts_without_materializations  # noqa: E501
    for key in instance.all_asset_keys():
        newest = instance.get_latest_materialization_event(key)
        found |= {newest.run_id} if newest else set()
        found |= {record.run_id for record in fetch_newest_by_partition(instance, key)}
        found |= {run_id for run_id, _ in find_tried(key).values()}
        found |= {record.run_id for record in fetch_failed_partitions(instance, key)}
    return found


def find_abandoned_runs(
    instance: dg.DagsterInstance, backtest_files: BacktestFiles, before: datetime
) -> list[str]:
    """Return the runs that left files, none of them since a time, and are not in the history."""
    return [run_id for run_id in backtest_files.runs(before) if not instance.has_run(run_id)]


def find_late_files(
    context: dg.OpExecutionContext, backtest_files: BacktestFiles, run_ids: Sequence[str]
) -> dict[str, int]:
    """Return how many files of attempts that were not committed each of some ended runs has.

    Runs without any are left out, and so are those with a damaged manifest: what it names is not
    known.
    """
    found: dict[str, int] = {}
    for run_id in run_ids:
        try:
            names = backtest_files.find_uncommitted(run_id)
        except DamagedBacktestsError as error:
            context.log.warning(str(error))
        else:
            found |= {run_id: len(names)} if names else {}
    return found


def find_old_research(
    backtest_files: BacktestFiles, before: datetime
) -> "list[tuple[OldFiles, str, str]]":
    """Return the results of research that were written before a time, and where they are.

    Each with strategy, or name of the portfolio, and identifier; not the newest of each of these
    and of each kind.
    """
    from resources.run_artifacts.research_files import ResearchFiles
    from resources.run_artifacts.sweep_files import SweepFiles

    root = backtest_files.root
    kinds = [ResearchFiles(root, one) for one in (WALK_FORWARD, ROBUSTNESS)]
    every = (SweepFiles(root), *kinds, PortfolioFiles(root))
    return [(files, *old) for files in every for old in files.find_old(before)]


def remove_research(old: "Sequence[tuple[OldFiles, str, str]]") -> None:
    """Remove files of research; trials stay in the ledger, numbers of portfolios in the store."""
    for files, strategy, identity in old:
        files.delete(strategy, identity)


def remove_runs(
    instance: dg.DagsterInstance,
    backtest_files: BacktestFiles,
    run_ids: Sequence[str],
    file_run_ids: Sequence[str],
) -> None:
    """Remove runs with their events and logs, and the backtest files of `file_run_ids`.

    The run record is removed last, so that the next job finds what an interrupted one left.
    """
    for run_id in file_run_ids:
        backtest_files.delete(run_id)
    for run_id in run_ids:
        instance.compute_log_manager.delete_logs(prefix=[run_id])
        instance.event_log_storage.delete_events(run_id)
        instance.delete_run(run_id)


def give_back_space(instance: dg.DagsterInstance) -> None:
    """Shrink the file of the events by what was removed; PostgreSQL does that by itself."""
    from resources.dagster_event_log.sqlite import BatchedSqliteEventLogStorage

    storage = instance.event_log_storage
    if isinstance(storage, BatchedSqliteEventLogStorage):
        storage.give_back_space()


def find_superseded_prices(
    context: dg.OpExecutionContext, price_store: PriceStore, before: datetime
) -> Iterator[Revision]:
    """Yield the bars of all sources that were superseded before a time."""
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
