"""What failed with a transient error is retried automatically, a bounded number of times.

If a run went on without some symbols, those are requested again, from the stage in which they
failed. A run that blocking checks stopped is requested again as a whole: nothing downstream of the
checks exists, and none of them may be bypassed. The requested runs are treated in the same way
until the attempts are used up. The only state is in the tags of runs.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from pipelines.automation.failed_runs import (
    ATTEMPT_TAG,
    RETRY_OF_TAG,
    FailedRun,
    find_failed_assets,
    find_failed_runs,
)
from pipelines.partitions import build_partition_tags, find_contiguous_ranges, select_partition_tags
from pipelines.symbol_runs import leave_out_research
from resources.config.run_purpose import select_purpose_tag
from resources.result_store.resource import ResultStore
from resources.run_processes.dead_runs import end_dead_runs
from strategies.errors import GauntletError

RETRY_FAILED = "retry_failed"
"""The name of the job and of its sensor."""

RETRY_DELAYS = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=25))
"""The delay of each attempt after the end of the run before; one attempt per delay.

Providers limit requests per minute or per hour, and a server that is moved is back within an hour.
"""

GAVE_UP_ON_TAG = "gauntlet/gave_up_on"
"""Tag of the run of the last attempt: its symbols that still failed."""

_LOOK_BACK = timedelta(hours=3)
"""Covers the longest delay and a daemon that was down; older runs are left to people."""

# Up to this number each symbol gets a run of its own, so that one which fails again does not delay
# the others; a provider that failed hundreds of symbols is not worth hundreds of processes.
_MAX_SINGLE_RUNS = 20
_SYMBOLS_SHOWN = 20


def build_retry_job() -> UnresolvedAssetJobDefinition:
    """Return the job whose runs retry what failed."""
    return dg.define_asset_job(
        RETRY_FAILED,
        selection=dg.AssetSelection.all(),
        description="Retries what failed with a transient error. The sensor of the same name "
        "launches it for the failed symbols, and for the assets that failed or depend on them.",
    )


def build_retry_sensor(universe: Sequence[str]) -> dg.SensorDefinition:
    """Return the sensor that launches the job for symbols of a universe."""
    minutes = [str(delay.seconds // 60) for delay in RETRY_DELAYS]

    @dg.sensor(
        name=RETRY_FAILED,
        job_name=RETRY_FAILED,
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Retries what failed with a transient error, at most {len(RETRY_DELAYS)} "
        f"times: {', '.join(minutes[:-1])} and {minutes[-1]} minutes after the end of the run "
        f"before. What it gives up on is in its log and in the tag {GAVE_UP_ON_TAG} of the last "
        "run.",
    )
    def retry_failed(
        context: dg.SensorEvaluationContext, result_store: ResultStore
    ) -> dg.SensorResult:
        repository = context.repository_def
        if repository is None:
            raise dg.DagsterInvariantViolationError("This sensor needs its repository.")
        # Run monitoring looks at runs that have begun; those that never will are found here.
        end_dead_runs(context.instance)
        try:
            failed = find_failed_runs(context.instance, result_store, repository, _LOOK_BACK)
        except GauntletError as error:
            return dg.SensorResult(skip_reason=f"The failures can't be read: {error}")
        return _decide(context, failed, universe, repository.asset_graph)

    return retry_failed


def _decide(
    context: dg.SensorEvaluationContext,
    failed: Iterable[FailedRun],
    universe: Sequence[str],
    graph: AssetGraph,
) -> dg.SensorResult:
    now, requests, reasons = datetime.now(UTC), [], []
    for one in failed:
        if one.attempt >= len(RETRY_DELAYS):
            reasons.append(_give_up(context, one))
        elif now < (due := one.ended_at + RETRY_DELAYS[one.attempt]):
            reasons.append(f"{_join(one.symbols)}: next attempt at {due:%H:%M:%S} UTC.")
        else:
            requests += build_retry_requests(one, universe, graph)
    if requests:
        return dg.SensorResult(run_requests=requests)
    return dg.SensorResult(skip_reason=" ".join(reasons) or "No transient failure to retry.")


def build_retry_requests(
    failed: FailedRun, universe: Sequence[str], graph: AssetGraph
) -> Iterator[dg.RunRequest]:
    """Yield the runs that retry what failed in one that has ended.

    Those of single symbols are without research, which the next run of all symbols does.
    """
    if failed.run.status == dg.DagsterRunStatus.FAILURE:
        yield _build_request(failed, failed.selected, select_partition_tags(failed.run.tags))
        return
    assets = _find_assets_by_symbol(failed, graph)
    for keys in sorted(set(assets.values()), key=sorted):
        symbols = [symbol for symbol in universe if assets.get(symbol) == keys]
        ranges = [(symbol, symbol) for symbol in symbols]
        if len(ranges) > _MAX_SINGLE_RUNS:
            ranges = find_contiguous_ranges(universe, symbols)
        for first, last in ranges:
            yield _build_request(
                failed, leave_out_research(graph, keys), build_partition_tags(first, last)
            )


def _find_assets_by_symbol(
    failed: FailedRun, graph: AssetGraph
) -> dict[str, frozenset[dg.AssetKey]]:
    """Return the assets to materialize for each symbol: where it failed, and all downstream."""
    assets: dict[str, frozenset[dg.AssetKey]] = {}
    for failure in failed.failures:
        keys = find_failed_assets(failed.selected, failure)
        concerned = dg.AssetSelection.assets(*keys).downstream().resolve(graph)
        known = assets.get(failure["symbol"], frozenset())
        assets[failure["symbol"]] = known | (failed.selected & concerned)
    return assets


def _build_request(
    failed: FailedRun, keys: Iterable[dg.AssetKey], partitions: Mapping[str, str]
) -> dg.RunRequest:
    run = failed.run
    user = {"user": run.tags["user"]} if "user" in run.tags else {}
    attempt = {RETRY_OF_TAG: run.run_id, ATTEMPT_TAG: str(failed.attempt + 1)}
    return dg.RunRequest(
        # A tick that is evaluated twice requests each run once.
        run_key=" ".join([run.run_id, *partitions.values()]),
        run_config=run.run_config,
        tags={**user, **partitions, **attempt, **select_purpose_tag(run.tags)},
        asset_selection=sorted(keys),
    )


def _give_up(context: dg.SensorEvaluationContext, failed: FailedRun) -> str:
    """Report once, in the log and in a tag, which symbols have no attempt left."""
    last, symbols = failed.failures[-1], _join(failed.symbols)
    reason = (
        f"Gave up on {symbols} after {len(RETRY_DELAYS)} attempts; the last error: "
        f"{last['error_class']}: {last['message']}"
    )
    if GAVE_UP_ON_TAG not in failed.run.tags:
        context.log.warning(reason)
        context.instance.add_run_tags(failed.run.run_id, {GAVE_UP_ON_TAG: symbols})
    return reason


def _join(symbols: Sequence[str]) -> str:
    more = f" and {len(symbols) - _SYMBOLS_SHOWN} more" if len(symbols) > _SYMBOLS_SHOWN else ""
    return ", ".join(symbols[:_SYMBOLS_SHOWN]) + more
