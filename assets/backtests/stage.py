"""The step of the backtests: load, test, keep, and account for each symbol and strategy."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING

import dagster as dg

from assets.asset_keys import BACKTESTS, backtests_key
from assets.backtests.partitions import describe_partitions
from assets.partitions.partition_reporting import MaterializedPartition
from assets.progress import StepProgress
from assets.step_failure import StepFailedError
from engine.backtest import VectorBTEngine
from engine.code_version import code_version
from engine.failure import Failure
from engine.settings import Window
from research.audit.backtest_audit import BacktestAudit
from research.audit.findings import Scaling
from research.audit.scaling import scaling_key
from research.audit.stage_meter import StageMeter
from research.audit.stage_profile import BacktestsProfile, CachedResults
from research.purpose import Purpose
from research.run_spec import RunSpec
from research.runner import BacktestRunner
from research.trial_collector import TrialCollector
from resources.config.cluster import ClusterSettings
from resources.config.run_settings import RunSettings
from resources.price_store.history_loader import LoadedHistory, load_histories
from resources.price_store.listed_days import select_listed
from resources.price_store.price_quality import JumpRule
from resources.price_store.spans import HistorySpec
from resources.price_store.store import PriceStore
from resources.price_store.universe_benchmark import UniverseBenchmark, load_universe_benchmark
from resources.result_store.manager import BacktestPersistenceManager
from resources.result_store.resource import ResultStore
from resources.result_store.run_records import read_recent_profiles
from resources.run_artifacts.backtest_files import BacktestFiles
from resources.run_artifacts.part_saving import save_part
from resources.run_artifacts.result_archive import ResultArchive
from resources.run_artifacts.trial_recording import TrialRecorder
from resources.universe import Universe
from strategies.base import Strategy
from strategies.errors import GauntletError

if TYPE_CHECKING:
    from research.chunk_runner import ChunkRunner


@dataclass(frozen=True)
class StageInputs:
    """What the step works from: settings, where bars and results are, and who computes."""

    universe: Universe
    source: str
    run_settings: RunSettings
    price_store: PriceStore
    backtest_files: BacktestFiles
    result_store: ResultStore
    jump_rule: JumpRule
    cluster: ClusterSettings | None = None


@dataclass
class BacktestStage:
    """One execution of the step: all strategies on one batch of symbols after the other.

    Parameters
    ----------
    requested
        All symbols that are to be accounted for.
    purpose, user
        What the run is for, and for whom; its trials are recorded so.
    """

    context: dg.AssetExecutionContext | dg.OpExecutionContext
    inputs: StageInputs
    strategies: Sequence[Strategy]
    requested: Sequence[str]
    purpose: Purpose
    user: str | None = None
    made: dict[dg.AssetKey, dict[str, MaterializedPartition]] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    meter: StageMeter = field(default_factory=StageMeter)
    audit: BacktestAudit = field(default_factory=BacktestAudit)
    _benchmark: UniverseBenchmark | None = None
    _runner: "BacktestRunner | ChunkRunner | None" = None
    _archive: ResultArchive | None = None

    def run(self, symbols: Sequence[str]) -> None:
        """Work through symbols; `made`, `failures` and `profile` say what came of it.

        Parameters
        ----------
        symbols
            Those of the requested ones that have prices, in their order.
        """
        self.made = {backtests_key(strategy.name): {} for strategy in self.strategies}
        if symbols:
            self._run_batches(symbols, self.inputs.run_settings.new_engine())
        place = {symbol: number for number, symbol in enumerate(self.requested)}
        self.failures.sort(key=lambda failure: place[failure.symbol])

    def profile(self) -> BacktestsProfile:
        """Return the stage's profile; a symbol succeeded when all its strategies did."""
        complete = set.intersection(*(set(symbols) for symbols in self.made.values()))
        benchmark, runner = self._benchmark, self._runner
        return BacktestsProfile(
            **self.meter.read(),
            requested=len(self.requested),
            succeeded=len(complete),
            succeeded_by_strategy={key.path[-1]: len(one) for key, one in self.made.items()},
            indicator_hits=runner.indicators.hits if runner else 0,
            indicator_misses=runner.indicators.misses if runner else 0,
            universe_benchmark=benchmark.sentence if benchmark else None,
            universe_symbols=benchmark.symbols if benchmark else None,
            universe_version=benchmark.version if benchmark else None,
            cached_results=self._count_cached_results(),
            scaling=self.audit.scaling,
            scaling_key=self._scaling_key if runner else None,
            integrity=self.audit.findings(),
        )

    def _run_batches(self, symbols: Sequence[str], engine: VectorBTEngine) -> None:
        inputs = self.inputs
        self._benchmark = self._compare_with()
        spec, store = self._build_spec(self._benchmark), inputs.result_store.manager()
        use_stored = not inputs.run_settings.ignore_cache
        self._archive = archive = ResultArchive(spec, store, inputs.backtest_files, use_stored)
        trials = TrialCollector(spec, self._sort(self.requested))
        with self._open_runner(spec, engine, archive, trials) as runner:
            self._runner = runner
            self._run_all(runner, symbols)
        self._record(trials, store)
        self.audit.scaling = self._find_known_scaling()
        if self.audit.scaling is None:
            self.audit.measure_scaling(self.strategies, engine.settings)
        for warning in archive.warnings:
            self.context.log.warning(f"cached results: {warning}")

    def _run_all(self, runner: "BacktestRunner | ChunkRunner", symbols: Sequence[str]) -> None:
        inputs = self.inputs
        batches = [self._select_listed(batch) for batch in inputs.run_settings.batches(symbols)]
        load = partial(load_histories, inputs.price_store, inputs.source)
        progress, done = StepProgress(self.context, len(symbols), "symbols tested"), 0
        for batch, rows in zip(batches, runner.run(load, batches), strict=True):
            for key, symbol, made in describe_partitions(rows):
                self.made[key][symbol] = made
            done += len(batch)
            progress.reach(done)

    @contextmanager
    def _open_runner(
        self, spec: RunSpec, engine: VectorBTEngine, archive: ResultArchive, trials: TrialCollector
    ) -> "Iterator[BacktestRunner | ChunkRunner]":
        """Lend the runner of this process, or of a cluster; what one has computed is kept."""
        rest = self.audit, self.meter.sample, trials.add, self.failures
        if self.inputs.cluster is None:
            yield BacktestRunner(spec, engine, archive, *rest)
            return
        from research.chunk_runner import ChunkRunner
        from resources.cluster.errors import ClusterError
        from resources.cluster.executor import open_executor

        files, prices = self.inputs.backtest_files, self.inputs.price_store
        try:
            with open_executor(self.inputs.cluster, spec, prices, files) as executor:
                yield ChunkRunner(spec, engine, archive, executor, *rest)
        except GauntletError as error:
            # Of a worker that differs nothing is kept.
            if isinstance(error, ClusterError):
                self._save_computed(archive.manager)
            raise StepFailedError(str(error)) from None

    def _save_computed(self, store: BacktestPersistenceManager) -> None:
        """Save what was computed before the cluster was lost: the next run finds it stored."""
        run_id, files = self.context.run.run_id, self.inputs.backtest_files
        for part in files.parts(run_id):
            save_part(store, files, run_id, part, purpose=self.purpose)

    def _record(self, trials: TrialCollector, store: BacktestPersistenceManager) -> None:
        """Add what was tried to the ledger, however it went."""
        inputs, run_id = self.inputs, self.context.run.run_id

        def load(symbols: Sequence[str]) -> Iterator[tuple[str, LoadedHistory | Exception]]:
            return load_histories(inputs.price_store, inputs.source, self._select_listed(symbols))

        files = inputs.backtest_files
        recorder = TrialRecorder(store, files, load, self.purpose, run_id, self.user)
        if new := recorder.record(trials):
            self.context.log.debug(f"{new} new trials in the ledger")

    def _sort(self, symbols: Sequence[str]) -> list[str]:
        """Return symbols in the universe's order: asked for in another, they are the same trial."""
        place = {symbol: number for number, symbol in enumerate(self.inputs.universe.symbols)}
        return sorted(symbols, key=lambda symbol: place.get(symbol, len(place)))

    def _compare_with(self) -> UniverseBenchmark:
        inputs, settings = self.inputs, self.inputs.run_settings
        benchmark = load_universe_benchmark(
            inputs.universe,
            inputs.price_store,
            inputs.source,
            self._window,
            settings.history_start(),
            inputs.jump_rule,
            enabled=settings.universe_benchmark,
            use_cached=not settings.ignore_cache,
        )
        log = self.context.log
        (log.warning if benchmark.missing else log.info)(benchmark.sentence)
        return benchmark

    def _build_spec(self, benchmark: UniverseBenchmark) -> RunSpec:
        settings = self.inputs.run_settings
        return RunSpec(
            run_id=self.context.run.run_id,
            source=self.inputs.source,
            strategies=self.strategies,
            window=self._window,
            settings=settings.backtest_settings(),
            stored_settings=settings.stored_settings(),
            code_versions={one.name: code_version(type(one)) for one in self.strategies},
            universe=benchmark.equal_weight,
        )

    def _select_listed(self, symbols: Sequence[str]) -> list[HistorySpec]:
        """Return each symbol with the days on which it was listed; note those that never were."""
        start, end = self.inputs.run_settings.history_start(), self._window.end
        listed, failures = select_listed(self.inputs.universe, symbols, start, end)
        self.failures += failures
        return listed

    def _find_known_scaling(self) -> Scaling | None:
        """Return what the newest run measured of the same code and settings.

        None when this run has computed anything: strategies are timed by every run that does.
        """
        if self._runner is None or self._runner.computed:
            return None
        store = self.inputs.result_store
        # The newest run is enough: each passes on what it was given.
        newest = read_recent_profiles(store, BACKTESTS, BacktestsProfile, limit=1)
        for run_id, profile in newest.items():
            if profile.scaling and profile.scaling_key == self._scaling_key:
                by = profile.scaling.measured_by or run_id
                return profile.scaling.model_copy(update={"measured_by": by})
        return None

    @cached_property
    def _scaling_key(self) -> str:
        settings = self.inputs.run_settings.stored_settings()
        return scaling_key([(one, code_version(type(one))) for one in self.strategies], settings)

    def _count_cached_results(self) -> CachedResults | None:
        if self._runner is None or self._archive is None:
            return None
        return CachedResults(
            hits_by_strategy=self._runner.cached,
            misses_by_strategy=self._runner.computed,
            damaged=self._archive.damaged,
            ignored=not self._archive.use_stored,
        )

    @property
    def _window(self) -> Window:
        return self.inputs.run_settings.window()
