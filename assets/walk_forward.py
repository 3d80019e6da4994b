"""Walk-forwards: one asset per strategy, all of them in one step over the whole universe."""

from collections.abc import Iterator, Mapping

import dagster as dg
from pydantic import Field

from assets.asset_keys import WALK_FORWARD, optimizations_key, walk_forward_key
from assets.research_assets import (
    read_failures,
    record_failures,
    research_assets,
    say_none,
    select_strategies,
)
from assets.stage_reporting import materialize
from assets.step_failure import failing_in_one_line
from research.protocol_version import walk_forward_version
from resources.config.run_settings import RunSettings
from resources.config.thresholds import Thresholds
from resources.dagster_event_log.versions import add_source
from resources.market_data.resource import MarketData
from resources.price_store.store import PriceStore
from resources.result_store.resource import ResultStore
from resources.run_artifacts.backtest_files import BacktestFiles
from resources.universe import Universe
from strategies.base import Strategy


class WalkForwardConfig(dg.Config):
    """How parameters are chosen through time; every protocol that is tried is a trial."""

    train: int = Field(default=252, description="Bars of the first training slice, 2 or more.")
    test: int = Field(default=63, description="Bars of each test; the last one may be shorter.")
    anchored: bool = Field(
        default=True,
        description="Every training slice begins with the window; otherwise it rolls along.",
    )
    choice: str = Field(
        default="plateau",
        description="plateau: the point with the highest mean of its own residual Sharpe ratio and "
        "those of its neighbours in the grid. best: the one with the highest of its own.",
    )
    purge: int = Field(
        default=0,
        description="Bars left out between training and test. Rules need none; what is fitted to "
        "labels needs their horizon, and one more.",
    )
    combinatorial_folds: int = Field(
        default=0,
        description="Combinatorial purged cross-validation beside it: the window in so many folds, "
        "two of them tested at a time, 3 or more; the spread of its paths says how stable the "
        "choice is. 0 for none.",
    )


def build_walk_forward(
    universe: Universe, strategies: Mapping[str, type[Strategy]]
) -> dg.AssetsDefinition:
    """Return the assets of a universe, one for each of `strategies` by name."""

    @research_assets(
        WALK_FORWARD,
        strategies,
        walk_forward_key,
        upstream=optimizations_key,
        kinds={"numpy"},
        version=walk_forward_version,
        description="Parameters of {strategy} chosen on the past of each fold and traded on its "
        "future, over the whole universe in one simulation. The curve is a trial in the ledger; "
        "the choices are a JSON file. Residual Sharpe ratios are per year: in sample of what was "
        "chosen from, out of sample of what came after.",
    )
    def walk_forward(
        context: dg.AssetExecutionContext,
        config: WalkForwardConfig,
        market_data: MarketData,
        price_store: PriceStore,
        backtest_files: BacktestFiles,
        run_settings: RunSettings,
        result_store: ResultStore,
        thresholds: Thresholds,
    ) -> Iterator[dg.MaterializeResult]:
        # Here, not above: it brings the whole engine along.
        from assets.research_inputs import load_research_inputs
        from assets.sweep_lookup import find_sweep
        from assets.walk_forward_report import describe_metadata, describe_paths
        from assets.walk_forward_stage import (
            PlannedWalkForward,
            WalkForwardStage,
            build_combinatorial_folds,
            build_protocol,
        )
        from research.errors import InvalidFoldsError
        from resources.run_artifacts.research_files import ResearchFiles
        from resources.run_artifacts.sweep_files import SweepFiles

        with failing_in_one_line():
            protocol = build_protocol(**config.model_dump(exclude={"combinatorial_folds"}))
            combinatorial = build_combinatorial_folds(config.combinatorial_folds)
        inputs = load_research_inputs(
            context, universe, market_data, run_settings, price_store, thresholds, result_store
        )
        if isinstance(inputs, str):
            yield from say_none(context, market_data.source, inputs)
            return
        names = select_strategies(context, strategies, walk_forward_key)
        try:
            protocol.folds.split(len(inputs.scope.dates))
        except InvalidFoldsError as error:
            yield from say_none(context, inputs.source, str(error))
            return
        sweeps, manager = SweepFiles(backtest_files.root), result_store.manager()
        files = ResearchFiles(backtest_files.root, WALK_FORWARD)
        planned = [
            PlannedWalkForward.of(inputs, find_sweep(context, sweeps, name, inputs.scope), protocol)
            for name in names
        ]
        stage = WalkForwardStage(
            context, inputs, manager, files, protocol, not run_settings.ignore_cache
        )
        run = stage.run(planned)
        context.log.info(f"{protocol.name}: {len(run)} new, {len(planned) - len(run)} known")
        paths = stage.measure_paths(planned, combinatorial) if combinatorial else {}
        found = [files.find(name, one.trial) for name, one in zip(names, planned, strict=True)]
        failures = read_failures(found)
        record_failures(context, manager, WALK_FORWARD, failures, inputs.attempted)
        for name, one, stored in zip(names, planned, found, strict=True):
            path = files.path(name, one.trial)
            shown = describe_metadata(stored or {}, path, str(one.trial))
            shown |= describe_paths(paths.get(one.trial))
            version = add_source(str(one.trial), inputs.source)
            yield materialize(context, walk_forward_key(name), shown, version)

    return walk_forward
