"""Portfolios: one account per definition, all of them in one step over the whole universe."""

from collections.abc import Iterator, Mapping

import dagster as dg
from pydantic import Field

from assets.asset_keys import (
    PORTFOLIOS,
    RESEARCH,
    RESEARCH_GROUP,
    SUMMARIES_KEY,
    backtests_key,
    portfolios_key,
)
from assets.research_assets import say_none
from assets.stage_reporting import close_stage, materialize
from research.audit.stage_meter import StageMeter
from research.audit.stage_profile import PortfoliosProfile
from research.portfolio.definition import PortfolioDefinition
from research.protocol_version import portfolio_version
from resources.config.run_purpose import find_purpose
from resources.config.run_settings import RunSettings
from resources.config.thresholds import Thresholds
from resources.dagster_event_log.versions import add_source
from resources.market_data.resource import MarketData
from resources.price_store.store import PriceStore
from resources.result_store.resource import ResultStore
from resources.result_store.run_records import RunRecords
from resources.run_artifacts.backtest_files import BacktestFiles
from resources.universe import Universe
from strategies.base import Strategy


class PortfoliosConfig(dg.Config):
    """What is tried besides."""

    priority_orders: int = Field(
        default=60,
        ge=0,
        description="Random orders of the entries that each portfolio which had to leave some out "
        "is simulated with again, to see how much of its result is the luck of its priority; 0 "
        "for none.",
    )


def build_portfolios(
    universe: Universe,
    strategies: Mapping[str, type[Strategy]],
    definitions: Mapping[str, PortfolioDefinition],
) -> dg.AssetsDefinition:
    """Return the assets of a universe, one for each of `definitions` by name."""

    @dg.multi_asset(
        name=PORTFOLIOS,
        specs=[_specify(one, strategies) for one in definitions.values()],
        # Unpartitioned, yet with a policy: a ranged run asks one of every asset it takes along.
        backfill_policy=dg.BackfillPolicy.single_run(),
        can_subset=True,
    )
    def portfolios(
        context: dg.AssetExecutionContext,
        config: PortfoliosConfig,
        market_data: MarketData,
        price_store: PriceStore,
        backtest_files: BacktestFiles,
        run_settings: RunSettings,
        result_store: ResultStore,
        thresholds: Thresholds,
    ) -> Iterator[dg.MaterializeResult]:
        # Here, not above: it brings the whole engine along.
        from assets.portfolios_report import describe_metadata
        from assets.portfolios_stage import PortfoliosStage
        from assets.research_inputs import load_research_inputs
        from assets.research_record import record_files

        meter = StageMeter()
        purpose = find_purpose(context.run.tags, market_data, run_settings)
        window = run_settings.window()
        records = RunRecords(result_store, market_data.source, window, universe, purpose)
        inputs = load_research_inputs(
            context, universe, market_data, run_settings, price_store, thresholds, result_store
        )
        if isinstance(inputs, str):
            nothing = PortfoliosProfile(**meter.read(), requested=0, succeeded=0, portfolios={})
            records.record(context.run, PORTFOLIOS, nothing, ())
            yield from say_none(context, market_data.source, inputs)
            return
        wanted = [
            one
            for name, one in definitions.items()
            if portfolios_key(name) in context.selected_asset_keys
        ]
        stage = PortfoliosStage(
            context,
            universe,
            inputs,
            strategies,
            backtest_files.root,
            result_store.manager(),
            purpose,
            config.priority_orders,
        )
        made = stage.run(wanted)
        record_files(
            context,
            inputs,
            market_data,
            result_store,
            {one.name: made[one.name].identity for one in wanted if one.name in made},
        )
        close_stage(context, records, PORTFOLIOS, stage.profile(meter), stage.failures)
        for one in wanted:
            found = made.get(one.name)
            shown = {"why": stage.why[one.name]} if found is None else describe_metadata(found)
            version = add_source(str(found.identity) if found else "none", inputs.source)
            yield materialize(context, portfolios_key(one.name), shown, version)

    return portfolios


def _specify(
    definition: PortfolioDefinition, strategies: Mapping[str, type[Strategy]]
) -> dg.AssetSpec:
    kinds = tuple(strategies[name] for name in definition.strategies)
    traded = ", ".join(definition.strategies)
    return dg.AssetSpec(
        portfolios_key(definition.name),
        # Of the summaries, the Sharpe ratios of the single backtests.
        deps=[*(backtests_key(name) for name in definition.strategies), SUMMARIES_KEY],
        group_name=RESEARCH_GROUP,
        kinds={"numpy", "parquet"},
        owners=[RESEARCH],
        tags={"sizing": definition.sizing},
        code_version=portfolio_version(kinds),
        description=f"One account that trades {traded} over the universe, sized by "
        f"{definition.sizing}, with cash, costs and limits shared. Signals of a close are filled "
        "at the next open; weights, trades, equity and attribution are Parquet files. "
        "docs/portfolios.md says what is decided how.",
    )
