"""Runs that have ended without some of their symbols, for reasons that pass."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

import dagster as dg

from assets.partitions.upstream import fetch_materializations
from resources.result_store.resource import ResultStore

ATTEMPT = "gauntlet/attempt"
RETRY_OF = "gauntlet/retry_of"
"""Tags of a run that repeats another: the number of the attempt, and the run that it repeats."""

Failed = Mapping[str, Any]


@dataclass(frozen=True)
class FailedRun:
    """A run that has ended, with what failed in it for reasons that pass and is not good yet.

    Parameters
    ----------
    run, ended_at
        The run, and when it ended.
    selected
        The assets that it was to make.
    failures
        Rows of the result store's `failures`.
    """

    run: dg.DagsterRun
    ended_at: datetime
    selected: frozenset[dg.AssetKey]
    failures: Sequence[Failed]

    @property
    def attempt(self) -> int:
        """Return how many attempts came before; 0 for a run that somebody asked for."""
        return int(self.run.tags.get(ATTEMPT, "0"))

    @property
    def symbols(self) -> list[str]:
        """Return the symbols that failed, by the alphabet."""
        return sorted({failure["symbol"] for failure in self.failures})


def failed_runs(
    instance: dg.DagsterInstance,
    result_store: ResultStore,
    repository: dg.RepositoryDefinition,
    look_back: timedelta,
) -> list[FailedRun]:
    """Return the runs that ended since `look_back` with something to repeat, newest first.

    What has become good since, by whatever run, is nothing to repeat; and neither is a run that
    has been repeated: what failed again is a matter of the run that repeated it.
    """
    records = instance.get_run_records(
        dg.RunsFilter(
            statuses=[dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE],
            updated_after=datetime.now(UTC) - look_back,
        )
    )
    if not records:  # and so no database is started for nothing
        return []
    run_ids = [record.dagster_run.run_id for record in records]
    failures = result_store.manager().get_transient_failures(run_ids)
    found = (_failed_run(instance, repository, record, failures) for record in records)
    return [one for one in found if one is not None]


def _failed_run(
    instance: dg.DagsterInstance,
    repository: dg.RepositoryDefinition,
    record: dg.RunRecord,
    failures: Iterable[Failed],
) -> FailedRun | None:
    """Return the run with what is left of its failures; None if that is nothing."""
    run, began = record.dagster_run, record.create_timestamp
    selected = _selected(repository, run)
    of_run = (row for row in failures if row["run_id"] == run.run_id)
    failed = [row for row in of_run if failed_assets(selected, row)]
    if not failed or _is_repeated(instance, run):
        return None
    left = _not_good_since(instance, selected, failed, began)
    ended_at = datetime.fromtimestamp(record.end_time or began.timestamp(), UTC)
    return FailedRun(run, ended_at, selected, left) if left else None


def failed_assets(selected: Iterable[dg.AssetKey], failure: Failed) -> frozenset[dg.AssetKey]:
    """Return which assets of a run a failure is of: its strategy's, or all of its stage.

    None for what is no asset's, such as the failures of a request: who asked is told, and asks
    again.
    """
    of_stage = (key for key in selected if key.path[0] == failure["stage"])
    strategy = failure["strategy"]
    return frozenset(key for key in of_stage if strategy in (None, key.path[-1]))


def _selected(repository: dg.RepositoryDefinition, run: dg.DagsterRun) -> frozenset[dg.AssetKey]:
    """Return the assets that a run was to make: its own selection, or else its job's."""
    if run.asset_selection is not None:
        return frozenset(run.asset_selection)
    if repository.has_job(run.job_name):
        return frozenset(repository.get_job(run.job_name).asset_layer.selected_asset_keys)
    return frozenset(repository.asset_graph.get_all_asset_keys())


def _is_repeated(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    return bool(instance.get_run_ids(dg.RunsFilter(tags={RETRY_OF: run.run_id}), limit=1))


def _not_good_since(
    instance: dg.DagsterInstance,
    selected: Iterable[dg.AssetKey],
    failures: Iterable[Failed],
    began: datetime,
) -> list[Failed]:
    """Return the failures of which not all partitions have been materialized since `began`."""

    def concerned(failure: Failed) -> list[dg.AssetKey]:
        return sorted(failed_assets(selected, failure))

    left: list[Failed] = []
    for keys, group in groupby(sorted(failures, key=concerned), key=concerned):
        rows = list(group)
        symbols = {row["symbol"] for row in rows}
        good = set.intersection(*(_made(instance, key, symbols, began) for key in keys))
        left += [row for row in rows if row["symbol"] not in good]
    return left


def _made(
    instance: dg.DagsterInstance, key: dg.AssetKey, symbols: set[str], since: datetime
) -> set[str]:
    """Return which of `symbols` have a materialization of an asset since a time."""
    wanted = dg.AssetRecordsFilter(
        asset_key=key, asset_partitions=sorted(symbols), after_timestamp=since.timestamp()
    )
    return {str(record.partition_key) for record in fetch_materializations(instance, wanted)}
