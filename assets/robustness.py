"""Tests of robustness: one asset per strategy, all of them in one step over the whole universe."""

from collections.abc import Iterator, Mapping

import dagster as dg
from pydantic import Field

from assets.asset_keys import ROBUSTNESS, optimizations_key, robustness_key
from assets.research_assets import (
    read_failures,
    record_failures,
    research_assets,
    say_none,
    select_strategies,
)
from assets.stage_reporting import materialize
from research.protocol_version import robustness_version
from resources.config.run_settings import RunSettings
from resources.config.thresholds import Thresholds
from resources.dagster_event_log.versions import add_source
from resources.market_data.resource import MarketData
from resources.price_store.store import PriceStore
from resources.result_store.resource import ResultStore
from resources.run_artifacts.backtest_files import BacktestFiles
from resources.universe import Universe
from strategies.base import Strategy


class RobustnessConfig(dg.Config):
    """What is tested besides."""

    permutations: int = Field(
        default=0,
        ge=0,
        description="Orders of the days that each sweep is run on again, to see whether its "
        "highest Sharpe ratio needs the order that they had. 0 for none; 19 are the fewest that "
        "can show 5%. Each takes as long as the sweep.",
    )


def build_robustness(
    universe: Universe, strategies: Mapping[str, type[Strategy]]
) -> dg.AssetsDefinition:
    """Return the assets of a universe, one for each of `strategies` by name."""

    @research_assets(
        ROBUSTNESS,
        strategies,
        robustness_key,
        upstream=optimizations_key,
        kinds={"numpy"},
        version=robustness_version,
        description="How far the result of {strategy} hangs on luck, costs, days and parameters, "
        "with the parameters of the run and over the whole universe: intervals, random entries, "
        "shuffled trades, doubled costs, shifted starts, neighbours, years and regimes. Ratios "
        "and returns are per year, less the market's part; the numbers are a JSON file.",
    )
    def robustness(
        context: dg.AssetExecutionContext,
        config: RobustnessConfig,
        market_data: MarketData,
        price_store: PriceStore,
        backtest_files: BacktestFiles,
        run_settings: RunSettings,
        result_store: ResultStore,
        thresholds: Thresholds,
    ) -> Iterator[dg.MaterializeResult]:
        # Here, not above: it brings the whole engine along.
        from assets.research_inputs import load_research_inputs
        from assets.research_record import record_files
        from assets.robustness_report import describe_metadata
        from assets.robustness_stage import PlannedRobustness, RobustnessStage
        from research.robustness.assessment import LEAST_BARS
        from resources.run_artifacts.research_files import ResearchFiles

        inputs = load_research_inputs(
            context, universe, market_data, run_settings, price_store, thresholds, result_store
        )
        if isinstance(inputs, str):
            yield from say_none(context, market_data.source, inputs)
            return
        names = select_strategies(context, strategies, robustness_key)
        days = len(inputs.scope.dates)
        if days < LEAST_BARS:
            why = f"The window has {days} bars; allowed: windows of {LEAST_BARS} bars or more."
            yield from say_none(context, inputs.source, why)
            return
        files, manager = ResearchFiles(backtest_files.root, ROBUSTNESS), result_store.manager()
        planned = [
            PlannedRobustness.of(context, inputs, strategies[name], files, config.permutations)
            for name in names
        ]
        stage = RobustnessStage(context, inputs, manager, files, not run_settings.ignore_cache)
        run = stage.run(planned)
        context.log.info(f"{len(run)} of {len(planned)} strategies tested, others known")
        identities = {one.strategy.name: one.identity for one in planned}
        record_files(context, inputs, market_data, result_store, identities)
        found = [files.find(name, one.identity) for name, one in zip(names, planned, strict=True)]
        record_failures(context, manager, ROBUSTNESS, read_failures(found), inputs.attempted)
        for name, one, stored in zip(names, planned, found, strict=True):
            path = files.path(name, one.identity)
            shown = describe_metadata(stored or {}, path)
            version = add_source(str(one.identity), inputs.source)
            yield materialize(context, robustness_key(name), shown, version)

    return robustness
