"""Verdicts: which strategies' results can be believed, given all that was tried."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg

from assets.asset_keys import (
    RESEARCH,
    RESEARCH_GROUP,
    VERDICTS_KEY,
    optimizations_key,
    walk_forward_key,
)
from assets.markdown import render_markdown
from assets.research_assets import say_none
from assets.stage_reporting import materialize
from assets.step_failure import StepFailedError
from engine.code_version import code_version
from research.protocol_version import walk_forward_version
from resources.config.run_settings import RunSettings
from resources.config.thresholds import Thresholds
from resources.market_data.resource import MarketData
from resources.price_store.store import PriceStore
from resources.result_store.resource import ResultStore
from resources.universe import Universe
from strategies.base import Strategy

if TYPE_CHECKING:
    import polars as pl

SHOWN = (
    "strategy", "verdict", "grid_sharpe_ratio", "grid_p_value", "best_sharpe_ratio",
    "best_p_value", "loss_share", "walk_forward_sharpe_ratio", "walk_forward_p_value", "dsr",
    "trials", "reason",
)  # fmt: skip


def build_verdicts(
    universe: Universe, strategies: Mapping[str, type[Strategy]]
) -> dg.AssetsDefinition:
    """Return the asset for a universe and some strategies by name."""

    @dg.asset(
        key=VERDICTS_KEY,
        deps=[key(name) for name in strategies for key in (optimizations_key, walk_forward_key)],
        # Unpartitioned, yet with a policy: a ranged run asks one of every asset it takes along.
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name=RESEARCH_GROUP,
        kinds={"postgres"},
        owners=[RESEARCH],
        code_version="1",
        description="One verdict per strategy over the universe, rejected, promising or "
        "deployable, judged against everything that was tried on it. docs/research.md says what "
        "each criterion tests, docs/calibration.md how often verdicts are wrong.",
    )
    def verdicts(
        context: dg.AssetExecutionContext,
        market_data: MarketData,
        price_store: PriceStore,
        run_settings: RunSettings,
        result_store: ResultStore,
        thresholds: Thresholds,
    ) -> Iterator[dg.MaterializeResult]:
        # Here, not above: it brings the whole engine along.
        from assets.research_inputs import load_research_inputs
        from research.verdicts.judgement import reach_verdicts
        from research.verdicts.verdict import Verdict

        inputs = load_research_inputs(
            context, universe, market_data, run_settings, price_store, thresholds, result_store
        )
        if isinstance(inputs, str):
            yield from say_none(context, market_data.source, inputs)
            return
        manager, run_id = result_store.manager(), context.run.run_id
        versions = {name: code_version(one) for name, one in strategies.items()}
        competing = manager.load_competing_trials(inputs.scope)
        if inputs.scope.identifier not in competing.scope_ids:
            raise StepFailedError(
                "Nothing was tried on these prices, window and settings: materialize "
                "optimizations first."
            )
        walked = {name: walk_forward_version(one) for name, one in strategies.items()}
        reached = reach_verdicts(competing, versions, walked)
        manager.save_verdicts(run_id, inputs.scope.identifier, reached, versions)
        counts = Counter(one.verdict for one in reached)
        counted = ", ".join(f"{counts[one]} {one}" for one in Verdict)
        context.log.info(f"{counted}; {len(competing.identifiers)} trials compete")
        yield materialize(context, VERDICTS_KEY, _describe(manager.get_verdicts(run_id)))

    return verdicts


def _describe(table: "pl.DataFrame") -> dict[str, Any]:
    """Return what the UI shows of the verdicts of a run."""
    counts = {
        f"{name}_strategies": int((table["verdict"] == name).sum())
        for name in ("deployable", "promising", "rejected")
    }
    first = table.row(0, named=True)
    return {
        **counts,
        "competing_trials": first["competing_trials"],
        "effective_trials": round(first["effective_trials"], 1),
        "window": f"{first['start_date']} to {first['end_date']}",
        "scope": first["scope_id"],
        "verdicts": dg.MetadataValue.md(render_markdown(table.select(SHOWN))),
    }
