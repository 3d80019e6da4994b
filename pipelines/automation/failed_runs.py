"""Runs that ended without some of their symbols because of transient errors."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

import dagster as dg
from dagster._core.storage.tags import PARENT_RUN_ID_TAG

from assets.partitions.upstream import fetch_materializations
from resources.result_store.resource import ResultStore

ATTEMPT_TAG = "gauntlet/attempt"
RETRY_OF_TAG = "gauntlet/retry_of"
"""Tags of a run that retries another: the number of the attempt, and the run that it retries."""

FailureRow = Mapping[str, Any]


@dataclass(frozen=True)
class FailedRun:
    """A run that has ended, with the transient failures that no run has made good since.

    Parameters
    ----------
    run, ended_at
        The run, and when it ended.
    selected
        The assets that it was to materialize.
    failures
        Rows of the result store's `failures`: of this run, and of those that it executed again.
    """

    run: dg.DagsterRun
    ended_at: datetime
    selected: frozenset[dg.AssetKey]
    failures: Sequence[FailureRow]

    @property
    def attempt(self) -> int:
        """Return how many attempts came before; 0 for a run that is no retry."""
        return int(self.run.tags.get(ATTEMPT_TAG, "0"))

    @property
    def symbols(self) -> list[str]:
        """Return the symbols that failed, sorted."""
        return sorted({failure["symbol"] for failure in self.failures})


def find_failed_runs(
    instance: dg.DagsterInstance,
    result_store: ResultStore,
    repository: dg.RepositoryDefinition,
    look_back: timedelta,
) -> list[FailedRun]:
    """Return the runs that ended within `look_back` with something to retry, newest first.

    Partitions that any run has materialized since are not retried. Neither is a run that has been
    retried already: what failed again belongs to the run that retried it. In the same way a run
    that failed is left to the one that executes it again, which Dagster starts when a process died:
    until that has ended nothing is retried, and then what both have left. If it is canceled,
    nothing is.
    """
    records = instance.get_run_records(
        dg.RunsFilter(
            statuses=[dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE],
            updated_after=datetime.now(UTC) - look_back,
        )
    )
    if not records:  # no need to start a database
        return []
    chains = [[*_find_executed_before(instance, record), record] for record in records]
    run_ids = {record.dagster_run.run_id for chain in chains for record in chain}
    failures = result_store.manager().get_transient_failures(sorted(run_ids))
    found = (_build_failed_run(instance, repository, chain, failures) for chain in chains)
    return [one for one in found if one is not None]


def _find_executed_before(instance: dg.DagsterInstance, record: dg.RunRecord) -> list[dg.RunRecord]:
    """Return the failed runs that are left to this one, which executes them again, oldest first."""
    run = record.dagster_run
    parent_id = run.get_parent_run_id()
    before = instance.get_run_record_by_id(parent_id) if parent_id else None
    if before is None or _find_next_attempt(instance, before.dagster_run) != run.run_id:
        return []
    return [*_find_executed_before(instance, before), before]


def _find_next_attempt(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str | None:
    """Return the run that a run leaves what failed to: one that retries it, or executes it again.

    A run that succeeded without some symbols leaves nothing to a run that executes it again.
    """
    failed = run.status == dg.DagsterRunStatus.FAILURE
    for tag in (RETRY_OF_TAG, PARENT_RUN_ID_TAG) if failed else (RETRY_OF_TAG,):
        if found := instance.get_run_ids(dg.RunsFilter(tags={tag: run.run_id}), limit=1):
            return found[0]
    return None


def _build_failed_run(
    instance: dg.DagsterInstance,
    repository: dg.RepositoryDefinition,
    chain: Sequence[dg.RunRecord],
    failures: Iterable[FailureRow],
) -> FailedRun | None:
    """Return a run with the failures that remain; None if there are none.

    Parameters
    ----------
    chain
        The runs that it executes again, oldest first, and the run itself.
    """
    record, run = chain[-1], chain[-1].dagster_run
    # Of the first: what executes it again may select less.
    selected = _find_selected_assets(repository, chain[0].dagster_run)
    failed = [row for row in failures if find_failed_assets(selected, row)]
    of_runs = [[row for row in failed if row["run_id"] == one.dagster_run.run_id] for one in chain]
    if not any(of_runs) or _find_next_attempt(instance, run):
        return None
    left: list[FailureRow] = []
    for one, rows in zip(chain, of_runs, strict=True):
        left += _drop_materialized(instance, selected, rows, one.create_timestamp)
    ended_at = datetime.fromtimestamp(record.end_time or record.create_timestamp.timestamp(), UTC)
    return FailedRun(run, ended_at, selected, left) if left else None


def find_failed_assets(
    selected: Iterable[dg.AssetKey], failure: FailureRow
) -> frozenset[dg.AssetKey]:
    """Return which assets of a run a failure concerns: its strategy's, or all of its stage.

    There are none for a failure of a request: its user sees it, and can request again.
    """
    of_stage = (key for key in selected if key.path[0] == failure["stage"])
    strategy = failure["strategy"]
    return frozenset(key for key in of_stage if strategy in (None, key.path[-1]))


def _find_selected_assets(
    repository: dg.RepositoryDefinition, run: dg.DagsterRun
) -> frozenset[dg.AssetKey]:
    """Return the assets that a run was to materialize: its own selection, else its job's."""
    if run.asset_selection is not None:
        return frozenset(run.asset_selection)
    if repository.has_job(run.job_name):
        return frozenset(repository.get_job(run.job_name).asset_layer.selected_asset_keys)
    return frozenset(repository.asset_graph.get_all_asset_keys())


def _drop_materialized(
    instance: dg.DagsterInstance,
    selected: Iterable[dg.AssetKey],
    failures: Iterable[FailureRow],
    began: datetime,
) -> list[FailureRow]:
    """Return the failures whose partitions have not all been materialized since `began`."""

    def find_keys(failure: FailureRow) -> list[dg.AssetKey]:
        return sorted(find_failed_assets(selected, failure))

    left: list[FailureRow] = []
    for keys, group in groupby(sorted(failures, key=find_keys), key=find_keys):
        rows = list(group)
        symbols = {row["symbol"] for row in rows}
        good = set.intersection(*(_get_materialized(instance, k, symbols, began) for k in keys))
        left += [row for row in rows if row["symbol"] not in good]
    return left


def _get_materialized(
    instance: dg.DagsterInstance, key: dg.AssetKey, symbols: set[str], since: datetime
) -> set[str]:
    """Return which of `symbols` have a materialization of an asset since a time."""
    wanted = dg.AssetRecordsFilter(
        asset_key=key, asset_partitions=sorted(symbols), after_timestamp=since.timestamp()
    )
    return {str(record.partition_key) for record in fetch_materializations(instance, wanted)}
