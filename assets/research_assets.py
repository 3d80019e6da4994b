"""What the assets of research have in common: one per strategy, all of them in one step."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from assets.asset_keys import RESEARCH, RESEARCH_GROUP
from assets.stage_reporting import log_failures
from engine.failure import Failure
from research.stages import RESEARCH as ALL_OF_THEM
from resources.dagster_event_log.versions import add_source
from strategies.base import Strategy

if TYPE_CHECKING:
    from resources.result_store.manager import BacktestPersistenceManager

NameKey = Callable[[str], dg.AssetKey]


def research_assets(
    name: str,
    strategies: Mapping[str, type[Strategy]],
    key: NameKey,
    *,
    upstream: Callable[[str], dg.AssetKey],
    kinds: set[str],
    version: Callable[[type[Strategy]], str],
    description: str,
) -> Callable[[Callable[..., Iterator[dg.MaterializeResult]]], dg.AssetsDefinition]:
    """Return the decorator of a step that makes one asset of each strategy.

    Parameters
    ----------
    name
        Of the step.
    key, upstream, version
        The asset of a strategy, the one it is made from, and the version of its code.
    description
        Of each asset, with the strategy's name for `{strategy}`.
    """
    specs = [
        dg.AssetSpec(
            key(one.name),
            deps=[upstream(one.name)],
            group_name=RESEARCH_GROUP,
            kinds=kinds,
            owners=[RESEARCH],
            tags={"strategy": one.name},
            code_version=version(one),
            description=description.format(strategy=one.name),
        )
        for one in strategies.values()
    ]
    # Unpartitioned, yet with a policy: a ranged run asks one of every asset it takes along.
    policy = dg.BackfillPolicy.single_run()
    return dg.multi_asset(name=name, specs=specs, backfill_policy=policy, can_subset=True)


def select_strategies(
    context: dg.AssetExecutionContext, strategies: Iterable[str], key: NameKey
) -> list[str]:
    """Return the strategies whose asset the step is to make."""
    return [one for one in strategies if key(one) in context.selected_asset_keys]


def say_none(
    context: dg.AssetExecutionContext, source: str, why: str
) -> Iterator[dg.MaterializeResult]:
    """Yield materializations of nothing, which say why; they do not fail the run or its backfill.

    A short window or few symbols are no fault of a run whose other assets are as good as ever. An
    asset that is not materialized at all is one that failed, to a backfill.
    """
    context.log.warning(f"no {context.op_execution_context.op.name}: {why}")
    version = dg.DataVersion(add_source("none", source))
    for key in sorted(context.selected_asset_keys):
        yield dg.MaterializeResult(asset_key=key, metadata={"why": why}, data_version=version)


def record_failures(
    context: dg.AssetExecutionContext,
    store: "BacktestPersistenceManager",
    stage: str,
    failures: Iterable[Failure],
    attempted: Mapping[str, Any],
) -> None:
    """Warn of what a step of research left out, and add it to the failures of the run.

    Of what all steps begin with, symbols are left out that failed in this run before: they are
    among its failures already.

    Parameters
    ----------
    failures
        Known ones too, of results that this run uses again: they are without these symbols.
    attempted
        Source, start_date and end_date.
    """
    found, run_id = list(dict.fromkeys(failures)), context.run.run_id
    if found and stage == ALL_OF_THEM:
        before = {row["symbol"] for row in store.get_failures(run_id) if row["strategy"] is None}
        found = [one for one in found if one.symbol not in before]
    if found:
        log_failures(context, stage, found)
        store.record_failures(run_id, found, stage=stage, **attempted)


def read_failures(stored: Iterable[Mapping[str, Any] | None]) -> list[Failure]:
    """Return the failures that the files of research have, those of all strategies once."""
    return [Failure(**one) for facts in stored for one in (facts or {}).get("failures", [])]


def list_failures(failures: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the failures of a result as its metadata; nothing if there are none."""
    lines = [f"- {_name_failed(one)}: {one['message']}" for one in failures[:_MOST_LISTED]]
    if left := len(failures) - len(lines):
        lines.append(f"- and {left} more, in the table failures")
    return {"failures": dg.MetadataValue.md("\n".join(lines))} if lines else {}


def _name_failed(failure: Mapping[str, Any]) -> str:
    return ", ".join(filter(None, (failure["symbol"], failure["strategy"])))


_MOST_LISTED = 20
