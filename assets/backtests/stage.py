"""The work of the backtests' step: load, test, keep, and account for each symbol and strategy."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING

import dagster as dg

from assets.asset_keys import backtests_key
from assets.backtests.batches import in_batches, partitions_of
from assets.partitions.partition_reporting import MaterializedPartition
from assets.progress import with_progress
from engine.backtest import VectorBTEngine
from engine.code_version import code_version, refuse_changed_code
from engine.failure import Failure
from engine.history import History
from engine.results import BacktestResult
from engine.settings import Window
from research.audit.backtest_audit import BacktestAudit
from research.audit.stage_meter import StageMeter
from research.audit.stage_profile import BacktestsProfile
from resources.config.run_settings import RunSettings
from resources.price_store.spans import HistorySpec
from resources.price_store.store import PriceStore
from resources.price_store.universe_benchmark import UniverseBenchmark, load_universe_benchmark
from resources.result_cache.resource import ResultCache
from resources.run_artifacts.backtest_files import BacktestFiles
from resources.universe import Universe, UniverseError
from strategies.base import Strategy
from strategies.indicator_cache import CacheStats

if TYPE_CHECKING:
    from resources.result_cache.kept import Kept
    from resources.result_cache.prices import KnownPrices
    from resources.result_cache.run import RunCache
    from resources.run_artifacts.backtest_tables import Provenance


@dataclass
class BacktestStage:
    """One execution of the step: all strategies on one symbol after the other.

    What the cache knows is not computed again. Prices are loaded as the engine asks for them, once
    for all strategies; results are kept a batch of symbols at a time.

    Parameters
    ----------
    requested
        All symbols that are to be accounted for.
    user
        For whom it is; stored with each result.
    """

    context: dg.AssetExecutionContext | dg.OpExecutionContext
    requested: Sequence[str]
    user: str | None
    universe: Universe
    source: str
    price_store: PriceStore
    backtest_files: BacktestFiles
    run_settings: RunSettings
    result_cache: ResultCache
    strategies: Sequence[Strategy]
    meter: StageMeter = field(default_factory=StageMeter)
    made: dict[dg.AssetKey, dict[str, MaterializedPartition]] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    data_versions: dict[str, str] = field(default_factory=dict)
    benchmark: UniverseBenchmark | None = None
    audit: BacktestAudit = field(default_factory=BacktestAudit)
    indicators: CacheStats = field(default_factory=CacheStats)
    cache: "RunCache | None" = None
    findings: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)

    def run(self, symbols: Sequence[str]) -> None:
        """Work through symbols; `made`, `failures` and `profile` say what came of it.

        Parameters
        ----------
        symbols
            Those of the requested ones that have prices, in their order.
        """
        self.made = {backtests_key(strategy.name): {} for strategy in self.strategies}
        if symbols:
            self._run_batches(symbols)
        place = {symbol: number for number, symbol in enumerate(self.requested)}
        self.failures.sort(key=lambda failure: place[failure.symbol])

    def profile(self) -> BacktestsProfile:
        """Return the stage's profile; a symbol succeeded when all its strategies did."""
        complete = set.intersection(*(set(symbols) for symbols in self.made.values()))
        universe = self.benchmark
        return BacktestsProfile(
            **self.meter.read(),
            requested=len(self.requested),
            succeeded=len(complete),
            succeeded_by_strategy={key.path[-1]: len(one) for key, one in self.made.items()},
            indicator_hits=self.indicators.hits,
            indicator_misses=self.indicators.misses,
            universe_benchmark=universe.sentence if universe else None,
            universe_symbols=universe.symbols if universe else None,
            universe_version=universe.version if universe else None,
            cached_results=self.cache.summary() if self.cache else None,
            scaling=self.audit.scaling,
            integrity=self.audit.findings(),
        )

    def _run_batches(self, symbols: Sequence[str]) -> None:
        from resources.result_cache.probe import complete

        batches = self.run_settings.batches(symbols)
        ask = not self.run_settings.force
        with self.run_settings.new_engine() as engine, self.result_cache.opened(ask) as kept:
            self.cache = cache = self._opened_cache(kept)
            tested = in_batches(self._results(engine, cache, batches), batches)
            progress = with_progress(self.context, batches, "batches tested")
            for part, (_, results) in enumerate(zip(progress, tested, strict=True)):
                self._keep(part, cache, results)
            complete(self.audit, cache, engine)
            if cache.misses:
                cache.prune(self.result_cache.most_results)
        for trouble in cache.troubles:
            self.context.log.warning(f"cache of results: {trouble}")

    def _opened_cache(self, kept: "Kept") -> "RunCache":
        from resources.result_cache.prices import KnownPrices
        from resources.result_cache.run import RunCache

        prices = KnownPrices(kept, self.price_store, self.source)
        self.benchmark = self._universe_benchmark(prices)
        settings, made = self.run_settings.stored_settings(), self._provenance()
        files, window = self.backtest_files, self._window
        return RunCache(kept, prices, files, self.strategies, window, settings, made)

    def _universe_benchmark(self, prices: "KnownPrices") -> UniverseBenchmark:
        benchmark = load_universe_benchmark(
            self.universe,
            self.price_store,
            self.source,
            self._window,
            self.run_settings.history_start(),
            enabled=self.run_settings.universe_benchmark,
            known=prices,
        )
        say = self.context.log.warning if benchmark.missing else self.context.log.info
        say(benchmark.sentence)
        return benchmark

    def _results(
        self, engine: VectorBTEngine, cache: "RunCache", batches: Sequence[Sequence[str]]
    ) -> Iterator[BacktestResult]:
        """Yield what has to be computed, by symbol and then strategy.

        Symbols in a row that lack the same strategies go through the engine together: nothing is
        known of a new universe, and that is one call.
        """
        for names, group in groupby(self._missing(cache, batches), key=lambda one: one[1]):
            if names:
                lacking = [one for one in self.strategies if one.name in names]
                histories = self._histories(cache, (wanted for wanted, _ in group))
                yield from self._computed(engine, histories, lacking)

    def _missing(
        self, cache: "RunCache", batches: Sequence[Sequence[str]]
    ) -> Iterator[tuple[HistorySpec, tuple[str, ...]]]:
        """Yield each symbol with the strategies whose results are not known."""
        for part, batch in enumerate(batches):
            wanted = list(self._listed(batch))
            missing = cache.find(part, wanted)
            for (symbol, strategy), found in cache.findings(part).items():
                self.audit.take_over(symbol, strategy, found)
            for one in wanted:
                yield one, missing[one[0]]

    def _computed(
        self, engine: VectorBTEngine, histories: Iterator[History], strategies: Sequence[Strategy]
    ) -> Iterator[BacktestResult]:
        """Yield what the engine gives, and note what fails and what the audit finds."""
        against = self.benchmark.equal_weight if self.benchmark else None
        for outcome in engine.run_batches(histories, strategies, self._window, against):
            self.failures.extend(outcome.failures)
            self.indicators.add(outcome.indicators)
            for result in outcome.results:
                self.findings[result.symbol, result.strategy.name] = self.audit.audit(result)
                yield result
            done = [*outcome.results, *outcome.failures]
            self.meter.sample(len({one.symbol for one in done}))

    def _histories(self, cache: "RunCache", wanted: Iterable[HistorySpec]) -> Iterator[History]:
        for symbol, loaded in cache.prices.load(wanted):
            if isinstance(loaded, Exception):
                self.failures.append(Failure.of(symbol, loaded))
                continue
            self.data_versions[symbol] = loaded.data_version
            self.audit.keep_history(loaded.history)
            yield loaded.history

    def _listed(self, symbols: Sequence[str]) -> Iterator[HistorySpec]:
        """Yield each symbol with the days on which it was listed; note those that never were."""
        start, end = self.run_settings.history_start(), self.run_settings.window().end
        for symbol in symbols:
            try:
                yield HistorySpec(symbol, *self.universe.listed(symbol, start, end))
            except UniverseError as error:
                self.failures.append(Failure.of(symbol, error))

    def _keep(self, part: int, cache: "RunCache", results: Sequence[BacktestResult]) -> None:
        from resources.run_artifacts.backtest_tables import tables_of

        refuse_changed_code(type(one) for one in self.strategies)
        which = [(result.symbol, result.strategy.name) for result in results]
        findings = {backtest: self.findings.pop(backtest) for backtest in which}
        rows = cache.write(part, tables_of(results, cache.made), findings)
        for key, symbol, made in partitions_of(rows):
            self.made[key][symbol] = made
        if not results:
            self.meter.sample(rows["symbol"].n_unique())

    def _provenance(self) -> "Provenance":
        from resources.run_artifacts.backtest_tables import Provenance

        return Provenance(
            run_id=self.context.run.run_id,
            source=self.source,
            warmup_days=self.run_settings.warmup_days,
            data_versions=self.data_versions,
            code_versions={one.name: code_version(type(one)) for one in self.strategies},
            universe_version=self.benchmark.version if self.benchmark else None,
        )

    @cached_property
    def _window(self) -> Window:
        from resources.market_data.exchange_calendar import last_session

        asked = self.run_settings.window()
        return self.run_settings.window(last_session(asked.start, asked.end))
