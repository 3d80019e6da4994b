"""Sweeps: one asset per strategy, all of them in one step over the whole universe."""

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
from pydantic import Field

from assets.asset_keys import OPTIMIZATIONS, PRICES_KEY, optimizations_key
from assets.research_assets import (
    read_failures,
    record_failures,
    research_assets,
    say_none,
    select_strategies,
)
from assets.stage_reporting import materialize
from assets.step_failure import failing_in_one_line
from engine.code_version import code_version
from resources.config.run_settings import RunSettings
from resources.config.thresholds import Thresholds
from resources.dagster_event_log.versions import add_source
from resources.market_data.resource import MarketData
from resources.price_store.store import PriceStore
from resources.result_store.resource import ResultStore
from resources.run_artifacts.backtest_files import BacktestFiles
from resources.universe import Universe
from strategies.base import Strategy
from strategies.registry import get_strategy


class SweepConfig(dg.Config):
    """Which points are tried; by default all of each strategy's ranges."""

    ranges: dict[str, dict[str, list[Any]]] = Field(
        default={},
        description="Values by strategy and parameter, as in {sma_cross: {fast_period: [5, 10], "
        "slow_period: [20, 50]}}. Parameters that are left out keep their defaults; strategies "
        "that are left out are tried at their full ranges.",
    )
    points: int | None = Field(
        default=None,
        ge=1,
        description="So many points of each strategy's ranges, drawn by `seed`; null for all.",
    )
    seed: int = Field(default=0, description="The same seed draws the same points.")


def build_optimizations(
    universe: Universe, strategies: Mapping[str, type[Strategy]]
) -> dg.AssetsDefinition:
    """Return the assets of a universe, one for each of `strategies` by name."""

    @research_assets(
        OPTIMIZATIONS,
        strategies,
        optimizations_key,
        upstream=lambda _: PRICES_KEY,
        kinds={"numpy", "parquet"},
        version=code_version,
        description="Every point of the parameter ranges of {strategy}, or those of run config, "
        "tried over the whole universe. Each point is a trial in the ledger; metrics by point and "
        "symbol and the curve of each point are Parquet files. Residual Sharpe ratios are per "
        "year, of the curve of all symbols less the market's part; the highest of many points is "
        "high by luck.",
    )
    def optimizations(
        context: dg.AssetExecutionContext,
        config: SweepConfig,
        market_data: MarketData,
        price_store: PriceStore,
        backtest_files: BacktestFiles,
        run_settings: RunSettings,
        result_store: ResultStore,
        thresholds: Thresholds,
    ) -> Iterator[dg.MaterializeResult]:
        # Here, not above: it brings the whole engine along.
        from assets.optimization_report import OptimizationReport
        from assets.research_inputs import load_research_inputs
        from assets.sweep_stage import SweepStage, plan_sweep
        from research.sweep_spec import build_points
        from resources.run_artifacts.sweep_files import SweepFiles

        with failing_in_one_line():
            for name in config.ranges:
                get_strategy(name)
            grids = {
                name: build_points(
                    name, config.ranges.get(name), points=config.points, seed=config.seed
                )
                for name in select_strategies(context, strategies, optimizations_key)
            }
        inputs = load_research_inputs(
            context, universe, market_data, run_settings, price_store, thresholds, result_store
        )
        if isinstance(inputs, str):
            yield from say_none(context, market_data.source, inputs)
            return
        planned = [
            plan_sweep(inputs, name, grid, code_version(strategies[name]))
            for name, grid in grids.items()
        ]
        files, manager = SweepFiles(backtest_files.root), result_store.manager()
        stage = SweepStage(context, inputs, manager, files, not run_settings.ignore_cache)
        run = stage.run(planned)
        tried = sum(len(one.trials) for one in planned)
        new = sum(len(one.trials) for one in run)
        context.log.info(f"{tried} points of {len(planned)} strategies tried, {tried - new} known")
        failures = read_failures(files.find(one.strategy, one.identity) for one in planned)
        record_failures(context, manager, OPTIMIZATIONS, failures, inputs.attempted)
        for one in planned:
            report = OptimizationReport(inputs, one, files, drawn=config.points is not None)
            version = add_source(one.identity, inputs.source)
            yield materialize(context, optimizations_key(one.strategy), report.metadata(), version)

    return optimizations
