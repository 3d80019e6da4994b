"""The work of the backtests' step: load, test, keep, and account for each symbol and strategy."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import groupby
from typing import TYPE_CHECKING, Any

import dagster as dg

from assets.partition_truth import Made, Upstream, is_part_of_this_run, upstream_of
from assets.progress import with_progress
from assets.stages import PRICES_KEY, backtests_key
from engine.backtest import VectorBTEngine
from engine.code_version import code_version
from engine.failure import Failure
from engine.history import History
from engine.results import BacktestResult
from engine.settings import Window
from resources.backtest_files import BacktestFiles
from resources.price_store import PriceStore
from resources.run_probe import RunProbe
from resources.run_profile import StageProfile
from resources.run_settings import RunSettings
from resources.universe import Universe, UniverseError
from resources.universe_benchmark import UniverseBenchmark, universe_benchmark
from strategies.base import Strategy
from strategies.shared import Tally

if TYPE_CHECKING:
    from resources.backtest_tables import Provenance

_HEADLINES = ("total_return", "sharpe_ratio", "max_drawdown", "closed_trades")


@dataclass
class BacktestStage:
    """One execution of the step: all strategies on one symbol after the other.

    Prices are loaded as the engine asks for them, once for all strategies; results are kept a
    batch of symbols at a time.
    """

    context: dg.AssetExecutionContext
    universe: Universe
    source: str
    price_store: PriceStore
    backtest_files: BacktestFiles
    run_settings: RunSettings
    strategies: Sequence[Strategy]
    profile: StageProfile = field(default_factory=StageProfile)
    prices: dict[str, Upstream] = field(default_factory=dict)
    made: dict[dg.AssetKey, dict[str, Made]] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    data_versions: dict[str, str] = field(default_factory=dict)
    benchmark: UniverseBenchmark | None = None
    probe: RunProbe = field(default_factory=RunProbe)
    indicators: Tally = field(default_factory=Tally)

    def run(self) -> None:
        """Work through the run's symbols; `made`, `failures` and `summary` say what came of it."""
        requested = list(self.context.partition_keys)
        self.made = {backtests_key(strategy.name): {} for strategy in self.strategies}
        self.prices = upstream_of(self.context, PRICES_KEY, requested)
        symbols = [symbol for symbol in requested if symbol in self.prices]
        self._note_missing([symbol for symbol in requested if symbol not in self.prices])
        if symbols:
            self._run_batches(symbols)
        place = {symbol: number for number, symbol in enumerate(requested)}
        self.failures.sort(key=lambda failure: place[failure.symbol])

    def summary(self) -> dict[str, Any]:
        """Return the stage's profile; a symbol succeeded when all its strategies did."""
        by_strategy = {key.path[-1]: len(symbols) for key, symbols in self.made.items()}
        complete = set.intersection(*(set(symbols) for symbols in self.made.values()))
        of_universe = self.benchmark.summary() if self.benchmark else {}
        return (
            self.profile.summary(
                requested=len(self.context.partition_keys),
                succeeded=len(complete),
                indicator_hits=self.indicators.hits,
                indicator_misses=self.indicators.misses,
            )
            | {"succeeded_by_strategy": by_strategy}
            | of_universe
            | self.probe.summary()
        )

    def _note_missing(self, symbols: Sequence[str]) -> None:
        """Account for symbols without prices; those of this run have failed there already."""
        if is_part_of_this_run(self.context, PRICES_KEY):
            return
        for symbol in symbols:
            message = f"{symbol} has no prices: materialize prices/{symbol} first."
            self.failures.append(Failure(symbol, "MissingPricesError", message))

    def _run_batches(self, symbols: Sequence[str]) -> None:
        batches = self.run_settings.batches(symbols)
        with self.run_settings.new_engine() as engine:
            self.benchmark = self._universe_benchmark()
            tested = in_batches(self._results(engine, symbols), batches)
            progress = with_progress(self.context, batches, "batches tested")
            for part, (_, results) in enumerate(zip(progress, tested, strict=True)):
                self._keep(part, results)
        self.probe.measure_scaling(self.strategies, self.run_settings.backtest_settings())

    def _universe_benchmark(self) -> UniverseBenchmark:
        benchmark = universe_benchmark(
            self.universe, self.price_store, self.source, self.run_settings
        )
        say = self.context.log.warning if benchmark.missing else self.context.log.info
        say(benchmark.sentence)
        return benchmark

    def _results(self, engine: VectorBTEngine, symbols: Sequence[str]) -> Iterator[BacktestResult]:
        """Yield what the engine gives, by symbol and then strategy, and note what fails."""
        histories = self._histories(symbols)
        against = self.benchmark.equal_weight if self.benchmark else None
        for outcome in engine.run_batches(histories, self.strategies, self._window(), against):
            self.failures.extend(outcome.failures)
            self.indicators.hits += outcome.indicators.hits
            self.indicators.misses += outcome.indicators.misses
            for result in outcome.results:
                self.probe.look_at(result)
                yield result
            done = [*outcome.results, *outcome.failures]
            self.profile.sample(len({one.symbol for one in done}))

    def _histories(self, symbols: Sequence[str]) -> Iterator[History]:
        from resources.histories import load_histories

        for symbol, loaded in load_histories(self.price_store, self.source, self._listed(symbols)):
            if isinstance(loaded, Exception):
                self.failures.append(Failure.of(symbol, loaded))
                continue
            self.data_versions[symbol] = loaded.data_version
            self.probe.keep(loaded.history)
            yield loaded.history

    def _listed(self, symbols: Sequence[str]) -> Iterator[tuple[str, date, date]]:
        """Yield each symbol with the days on which it was listed; note those that never were."""
        start, end = self.run_settings.history_start(), self.run_settings.window().end
        for symbol in symbols:
            try:
                yield symbol, *self.universe.listed(symbol, start, end)
            except UniverseError as error:
                self.failures.append(Failure.of(symbol, error))

    def _keep(self, part: int, results: Sequence[BacktestResult]) -> None:
        from resources.backtest_tables import tables_of

        tables = tables_of(results, self._provenance())
        for result, identifier in zip(results, tables.results["id"], strict=True):
            # The identifier is derived from all that the result depends on.
            made = Made(identifier, _metadata(result))
            self.made[backtests_key(result.strategy.name)][result.symbol] = made
        self.backtest_files.write(self.context.run.run_id, part, tables)

    def _provenance(self) -> "Provenance":
        from resources.backtest_tables import Provenance

        return Provenance(
            run_id=self.context.run.run_id,
            run_user=self.context.run.tags.get("user"),
            source=self.source,
            warmup_days=self.run_settings.warmup_days,
            data_versions=self.data_versions,
            code_versions={one.name: code_version(type(one)) for one in self.strategies},
            universe_version=self.benchmark.version if self.benchmark else None,
        )

    def _window(self) -> Window:
        from resources.market_data.sessions import last_session

        asked = self.run_settings.window()
        return self.run_settings.window(last_session(asked.start, asked.end))


def in_batches(
    results: Iterator[BacktestResult], batches: Sequence[Sequence[str]]
) -> Iterator[list[BacktestResult]]:
    """Yield the results of each of `batches`, which come in their order; [] where there are none.

    No more of `results` is taken than a batch needs, and the first of the next one.
    """
    place = {symbol: number for number, batch in enumerate(batches) for symbol in batch}
    groups = groupby(results, key=lambda result: place[result.symbol])
    number, group = next(groups, (len(batches), iter(())))
    for batch in range(len(batches)):
        if batch < number:
            yield []
            continue
        yield list(group)
        number, group = next(groups, (len(batches), iter(())))


def _metadata(result: BacktestResult) -> dict[str, Any]:
    headlines = {name: result.metrics[name] for name in _HEADLINES}
    window = f"{result.first_session} to {result.last_session}"
    return headlines | {"bars": len(result.dates), "window": window}
