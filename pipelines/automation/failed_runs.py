"""Runs that ended without some of their symbols because of transient errors."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

import dagster as dg

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
        Rows of the result store's `failures`.
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
    retried already: what failed again belongs to the run that retried it.
    """
    records = instance.get_run_records(
        dg.RunsFilter(
            statuses=[dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE],
            updated_after=datetime.now(UTC) - look_back,
        )
    )
    if not records:  # no need to start a database
        return []
    run_ids = [record.dagster_run.run_id for record in records]
    failures = result_store.manager().get_transient_failures(run_ids)
    found = (_build_failed_run(instance, repository, record, failures) for record in records)
    return [one for one in found if one is not None]


def _build_failed_run(
    instance: dg.DagsterInstance,
    repository: dg.RepositoryDefinition,
    record: dg.RunRecord,
    failures: Iterable[FailureRow],
) -> FailedRun | None:
    """Return the run with the failures that remain; None if there are none."""
    run, began = record.dagster_run, record.create_timestamp
    selected = _find_selected_assets(repository, run)
    of_run = (row for row in failures if row["run_id"] == run.run_id)
    failed = [row for row in of_run if find_failed_assets(selected, row)]
    if not failed or _is_retried(instance, run):
        return None
    left = _drop_materialized(instance, selected, failed, began)
    ended_at = datetime.fromtimestamp(record.end_time or began.timestamp(), UTC)
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


def _is_retried(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    return bool(instance.get_run_ids(dg.RunsFilter(tags={RETRY_OF_TAG: run.run_id}), limit=1))


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
