"""Backtests: one asset a strategy, one partition a symbol, all strategies in one step."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import dagster as dg

from assets.partition_truth import is_part_of_this_run, report_partitions, runs_that_made
from assets.progress import with_progress
from assets.stages import (
    BACKTESTS,
    PRICES_KEY,
    backtests_key,
    close_stage,
    fail_if_nothing_was_made,
)
from engine.backtest import VectorBTEngine
from engine.code_version import code_version
from engine.failure import Failure
from engine.results import BacktestResult
from engine.settings import Window
from resources.backtest_files import BacktestFiles
from resources.market_data.resource import MarketData
from resources.price_store import PriceStore
from resources.result_store.resource import ResultStore
from resources.run_log import RunLog
from resources.run_profile import StageProfile
from resources.run_settings import RunSettings
from resources.universe import Universe
from strategies.base import Strategy

if TYPE_CHECKING:
    from resources.backtest_tables import BacktestTables
    from resources.histories import LoadedHistory

_HEADLINES = ("total_return", "sharpe_ratio", "max_drawdown", "closed_trades")


def build_backtests(
    symbols: dg.PartitionsDefinition,
    universe: Universe,
    strategies: Mapping[str, type[Strategy]],
) -> dg.AssetsDefinition:
    """Return the assets of a universe, one for each of `strategies` by name."""

    @dg.multi_asset(
        name=BACKTESTS,
        specs=[_spec(strategy) for strategy in strategies.values()],
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
    ):
        selected = [strategies[key.path[-1]]() for key in sorted(context.selected_asset_keys)]
        stage = _Stage(
            context,
            universe,
            market_data.source,
            price_store,
            backtest_files,
            run_settings,
            selected,
        )
        stage.run()
        run_log = RunLog(result_store, market_data.source, run_settings.window())
        close_stage(context, run_log, BACKTESTS, stage.summary(), stage.failures)
        fail_if_nothing_was_made(stage.failures, sum(map(len, stage.made.values())))
        yield from report_partitions(context, stage.made)

    return backtests


def _spec(strategy: type[Strategy]) -> dg.AssetSpec:
    return dg.AssetSpec(
        backtests_key(strategy.name),
        deps=[PRICES_KEY],
        group_name=BACKTESTS,
        kinds={"vectorbt"},
        code_version=code_version(strategy),
        description=strategy.__doc__,
    )


@dataclass
class _Stage:
    """One execution of the step: works through the symbols a batch at a time."""

    context: dg.AssetExecutionContext
    universe: Universe
    source: str
    price_store: PriceStore
    backtest_files: BacktestFiles
    run_settings: RunSettings
    strategies: Sequence[Strategy]
    profile: StageProfile = field(default_factory=StageProfile)
    made: dict[dg.AssetKey, dict[str, dict[str, Any]]] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)

    def run(self) -> None:
        requested = list(self.context.partition_keys)
        self.made = {backtests_key(strategy.name): {} for strategy in self.strategies}
        ready = runs_that_made(self.context, PRICES_KEY, requested)
        symbols = [symbol for symbol in requested if symbol in ready]
        self._note_missing([symbol for symbol in requested if symbol not in ready])
        batches = self.run_settings.batches(symbols)
        for part, batch in enumerate(with_progress(self.context, batches, "batches tested")):
            self._run_batch(part, batch)

    def summary(self) -> dict[str, Any]:
        by_strategy = {key.path[-1]: len(symbols) for key, symbols in self.made.items()}
        complete = set.intersection(*(set(symbols) for symbols in self.made.values()))
        return self.profile.summary(
            requested=len(self.context.partition_keys),
            succeeded=len(complete),
        ) | {"succeeded_by_strategy": by_strategy}

    def _note_missing(self, symbols: Sequence[str]) -> None:
        """Account for symbols without prices; those of this run have failed there already."""
        if is_part_of_this_run(self.context, PRICES_KEY):
            return
        for symbol in symbols:
            message = f"{symbol} has no prices: materialize prices/{symbol} first."
            self.failures.append(Failure(symbol, "MissingPricesError", message))

    def _run_batch(self, part: int, symbols: Sequence[str]) -> None:
        from resources.backtest_tables import BacktestTables

        loaded = self._load(symbols)
        tables = [self._run_strategy(strategy, loaded) for strategy in self.strategies]
        self.backtest_files.write(self.context.run.run_id, part, BacktestTables.joined(tables))

    def _load(self, symbols: Sequence[str]) -> dict[str, "LoadedHistory"]:
        from resources.histories import load_history

        window = self.run_settings.window()
        start = self.run_settings.history_start()
        loaded = {}
        for symbol in symbols:
            try:
                listed = self.universe.listed(symbol, start, window.end)
                one = load_history(self.price_store, self.source, symbol, *listed)
                # Unusable bars fail the symbol once, not once a strategy.
                one.history.up_to_end_of(window)
                loaded[symbol] = one
            except Exception as error:  # noqa: BLE001 - one symbol must not spoil the others
                self.failures.append(Failure.of(symbol, error))
        return loaded

    def _run_strategy(
        self, strategy: Strategy, loaded: Mapping[str, "LoadedHistory"]
    ) -> "BacktestTables":
        from resources.backtest_tables import Provenance, tables_of

        engine = VectorBTEngine(self.run_settings.backtest_settings())
        histories = [one.history for one in loaded.values()]
        outcome = engine.run_batch(histories, strategy, self._window())
        self.failures.extend(outcome.failures)
        self.made[backtests_key(strategy.name)] |= {
            result.symbol: _metadata(result) for result in outcome.results
        }
        self.profile.sample()
        provenance = Provenance(
            run_id=self.context.run.run_id,
            run_user=self.context.run.tags.get("user"),
            source=self.source,
            warmup_days=self.run_settings.warmup_days,
            data_versions={symbol: one.data_version for symbol, one in loaded.items()},
        )
        return tables_of(outcome.results, code_version(type(strategy)), provenance)

    def _window(self) -> Window:
        from resources.market_data.sessions import last_session

        asked = self.run_settings.window()
        return self.run_settings.window(last_session(asked.start, asked.end))


def _metadata(result: BacktestResult) -> dict[str, Any]:
    headlines = {name: result.metrics[name] for name in _HEADLINES}
    window = f"{result.first_session} to {result.last_session}"
    return headlines | {"bars": len(result.dates), "window": window}
