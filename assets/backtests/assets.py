"""Backtests: one asset per strategy, one partition per symbol, all strategies in one step."""

import inspect
from collections.abc import Mapping

import dagster as dg

from assets.asset_keys import BACKTESTS, PRICES_KEY, RESEARCH, backtests_key
from assets.partitions.partition_reporting import StepOutcome, report_partitions
from assets.partitions.upstream import find_upstream, is_part_of_this_run
from assets.stage_reporting import close_stage, fail_if_nothing_was_made
from assets.step_failure import failing_in_one_line
from engine.code_version import code_version
from engine.failure import Failure
from resources.config.cluster import ClusterSettings
from resources.config.run_purpose import find_purpose
from resources.config.run_settings import RunSettings
from resources.config.thresholds import Thresholds
from resources.market_data.resource import MarketData
from resources.price_store.store import PriceStore
from resources.result_store.resource import ResultStore
from resources.result_store.run_records import RunRecords
from resources.run_artifacts.backtest_files import BacktestFiles
from resources.universe import Universe
from strategies.base import Strategy

_NUMBERS = (
    "Of a symbol: total_return over the window, after costs; sharpe_ratio, per year; max_drawdown, "
    "the deepest loss since a high; closed_trades. They are as luck would have them: `verdicts` "
    "says whether the strategy can be believed. `equity` is drawn by the webserver of `make ui`."
)


def build_backtests(
    symbols: dg.PartitionsDefinition,
    universe: Universe,
    strategies: Mapping[str, type[Strategy]],
    cluster: ClusterSettings | None = None,
) -> dg.AssetsDefinition:
    """Return the assets of a universe, one for each of `strategies` by name.

    They are computed on `cluster`, or else in the process of the run.
    """

    @dg.multi_asset(
        name=BACKTESTS,
        specs=[_build_spec(strategy) for strategy in strategies.values()],
        partitions_def=symbols,
        backfill_policy=dg.BackfillPolicy.single_run(),
        can_subset=True,
    )
    def backtests(
        context: dg.AssetExecutionContext,
        market_data: MarketData,
        price_store: PriceStore,
        backtest_files: BacktestFiles,
        run_settings: RunSettings,
        result_store: ResultStore,
        thresholds: Thresholds,
    ):
        # Here, not above: it brings the whole engine along.
        from assets.backtests.stage import BacktestStage, StageInputs
        from resources.price_store.price_quality import JumpRule

        with failing_in_one_line():
            # Without prices in the run, its settings are not validated yet.
            run_settings.check(market_data.source)
            purpose = find_purpose(context.run.tags, market_data, run_settings)
            splits = market_data.load_splits()
        source, requested = market_data.source, context.partition_keys
        names = [key.path[-1] for key in sorted(context.selected_asset_keys)]
        selected = [run_settings.strategy_of(strategies[name]) for name in names]
        prices = find_upstream(context, PRICES_KEY, requested, source)
        jump_rule = JumpRule(thresholds.split_odds, splits)
        inputs = StageInputs(
            universe,
            source,
            run_settings,
            price_store,
            backtest_files,
            result_store,
            jump_rule,
            cluster,
        )
        user = context.run.tags.get("user")
        stage = BacktestStage(context, inputs, selected, requested, purpose, user)
        if not is_part_of_this_run(context, PRICES_KEY):  # else they have failed there already
            stage.failures += [
                _build_missing_prices_failure(one, source) for one in requested if one not in prices
            ]
        stage.run([symbol for symbol in requested if symbol in prices])
        window = run_settings.window()
        run_records = RunRecords(result_store, source, window, universe, purpose)
        close_stage(context, run_records, BACKTESTS, stage.profile(), stage.failures)
        fail_if_nothing_was_made(stage.failures, sum(map(len, stage.made.values())))
        outcome = StepOutcome(source, stage.made, stage.failures, {PRICES_KEY: prices})
        yield from report_partitions(context, outcome)

    return backtests


def _build_missing_prices_failure(symbol: str, source: str) -> Failure:
    message = f"{symbol} has no prices of {source}: materialize prices/{symbol} first."
    return Failure(symbol, "MissingPricesError", message)


def _build_spec(strategy: type[Strategy]) -> dg.AssetSpec:
    return dg.AssetSpec(
        backtests_key(strategy.name),
        deps=[PRICES_KEY],
        group_name=BACKTESTS,
        kinds={"numpy"},
        owners=[RESEARCH],
        tags={"strategy": strategy.name},
        code_version=code_version(strategy),
        description=f"{inspect.cleandoc(strategy.__doc__ or '')}\n\n{_NUMBERS}",
    )
