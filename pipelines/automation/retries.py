"""What failed for a reason that passes is run again by itself, a bounded number of times.

Of a run that went on without some symbols, those are requested again, from the stage at which they
failed. A run that its gates have stopped is requested as it was: nothing downstream of the gate
exists, and none may be slipped past. The runs so requested are looked at in the same way, until
the attempts are used up. Nothing is remembered but what runs say in their tags.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from pipelines.automation.failed_runs import (
    ATTEMPT,
    RETRY_OF,
    FailedRun,
    failed_assets,
    failed_runs,
)
from pipelines.partitions import partition_tags, tags_of, unbroken_ranges
from resources.result_store.resource import ResultStore
from strategies.errors import GauntletError

RETRY_FAILED = "retry_failed"
"""The name of the job and of its sensor."""

WAITS = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=25))
"""After a run's end, before each attempt; there are no more attempts than waits.

Providers limit by the minute or by the hour, and a server that is moved is back within one.
"""

GAVE_UP_ON = "gauntlet/gave_up_on"
"""The tag of the last attempt's run: its symbols that are still not good."""

_LOOK_BACK = timedelta(hours=3)
"""The longest wait, and a daemon that was away; what ended before is left to people."""

# Each alone up to here, so that one which fails again holds no other up; a provider that has
# failed hundreds of symbols is not worth hundreds of processes.
_ALONE = 20
_SYMBOLS_SHOWN = 20


def build_retry_job() -> UnresolvedAssetJobDefinition:
    """Return the job whose runs repeat what failed."""
    return dg.define_asset_job(
        RETRY_FAILED,
        selection=dg.AssetSelection.all(),
        description="Repeats what failed for reasons that pass. The sensor of the same name "
        "launches it, for no other symbols and assets than those concerned.",
    )


def build_retry_sensor(universe: Sequence[str]) -> dg.SensorDefinition:
    """Return the sensor that launches the job for symbols of a universe."""
    minutes = [str(wait.seconds // 60) for wait in WAITS]

    @dg.sensor(
        name=RETRY_FAILED,
        job_name=RETRY_FAILED,
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Runs again what failed for reasons that pass, {len(WAITS)} times at most, "
        f"{', '.join(minutes[:-1])} and {minutes[-1]} minutes after the end of the run before. "
        f"What it gives up on is in its log, and in the tag {GAVE_UP_ON} of the last run.",
    )
    def retry_failed(
        context: dg.SensorEvaluationContext, result_store: ResultStore
    ) -> dg.SensorResult:
        repository = context.repository_def
        if repository is None:
            raise dg.DagsterInvariantViolationError("This sensor is evaluated in a repository.")
        try:
            failed = failed_runs(context.instance, result_store, repository, _LOOK_BACK)
        except GauntletError as error:
            return dg.SensorResult(skip_reason=f"What failed can't be read: {error}")
        return _decide(context, failed, universe, repository.asset_graph)

    return retry_failed


def _decide(
    context: dg.SensorEvaluationContext,
    failed: Iterable[FailedRun],
    universe: Sequence[str],
    graph: AssetGraph,
) -> dg.SensorResult:
    now, requests, told = datetime.now(UTC), [], []
    for one in failed:
        if one.attempt >= len(WAITS):
            told.append(_give_up(context, one))
        elif now < (due := one.ended_at + WAITS[one.attempt]):
            told.append(f"{_shown(one.symbols)} not before {due:%H:%M:%S} UTC.")
        else:
            requests += requests_for(one, universe, graph)
    if requests:
        return dg.SensorResult(run_requests=requests)
    reason = " ".join(told) or "Nothing has failed for a reason that passes."
    return dg.SensorResult(skip_reason=reason)


def requests_for(
    failed: FailedRun, universe: Sequence[str], graph: AssetGraph
) -> Iterator[dg.RunRequest]:
    """Yield the runs that repeat what failed in one that has ended."""
    if failed.run.status == dg.DagsterRunStatus.FAILURE:
        yield _request(failed, failed.selected, partition_tags(failed.run.tags))
        return
    assets = _assets_by_symbol(failed, graph)
    for keys in sorted(set(assets.values()), key=sorted):
        symbols = [symbol for symbol in universe if assets.get(symbol) == keys]
        alone = [(symbol, symbol) for symbol in symbols]
        for first, last in alone if len(alone) <= _ALONE else unbroken_ranges(universe, symbols):
            yield _request(failed, keys, tags_of(first, last))


def _assets_by_symbol(failed: FailedRun, graph: AssetGraph) -> dict[str, frozenset[dg.AssetKey]]:
    """Return what is to be made of each symbol: where it failed, and what depends on that."""
    assets: dict[str, frozenset[dg.AssetKey]] = {}
    for failure in failed.failures:
        keys = failed_assets(failed.selected, failure)
        concerned = dg.AssetSelection.assets(*keys).downstream().resolve(graph)
        known = assets.get(failure["symbol"], frozenset())
        assets[failure["symbol"]] = known | (failed.selected & concerned)
    return assets


def _request(
    failed: FailedRun, keys: Iterable[dg.AssetKey], partitions: Mapping[str, str]
) -> dg.RunRequest:
    run = failed.run
    user = {"user": run.tags["user"]} if "user" in run.tags else {}
    attempt = {RETRY_OF: run.run_id, ATTEMPT: str(failed.attempt + 1)}
    return dg.RunRequest(
        # A tick that is evaluated twice requests nothing twice.
        run_key=" ".join([run.run_id, *partitions.values()]),
        run_config=run.run_config,
        tags={**user, **partitions, **attempt},
        asset_selection=sorted(keys),
    )


def _give_up(context: dg.SensorEvaluationContext, failed: FailedRun) -> str:
    """Say once what no attempt is left for, where people look."""
    reason, symbols = failed.failures[-1], _shown(failed.symbols)
    told = (
        f"Gave up on {symbols} after {len(WAITS)} attempts; the last reason: "
        f"{reason['error_class']}: {reason['message']}"
    )
    if GAVE_UP_ON not in failed.run.tags:
        context.log.warning(told)
        context.instance.add_run_tags(failed.run.run_id, {GAVE_UP_ON: symbols})
    return told


def _shown(symbols: Sequence[str]) -> str:
    more = f" and {len(symbols) - _SYMBOLS_SHOWN} more" if len(symbols) > _SYMBOLS_SHOWN else ""
    return ", ".join(symbols[:_SYMBOLS_SHOWN]) + more
