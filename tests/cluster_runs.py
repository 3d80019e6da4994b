"""Runs on a cluster without Dagster and without a database, and the same runs in this process."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from engine.backtest import VectorBTEngine
from engine.code_version import code_version
from engine.equal_weight import EqualWeight
from engine.failure import Failure
from engine.settings import BacktestSettings, Window
from research.chunk_runner import ChunkRunner
from research.chunks import Executor
from research.run_spec import RunSpec
from research.runner import BacktestRunner
from resources.config.run_settings import stored_settings
from resources.market_data.sources.synthetic import SyntheticSource
from resources.price_store.history_loader import load_histories
from resources.price_store.spans import HistorySpec
from resources.price_store.stored_prices import StoredPrices
from resources.run_artifacts.result_archive import ResultArchive
from resources.run_artifacts.stored_backtests import StoredBacktests
from strategies.base import Strategy
from strategies.rsi import Rsi
from strategies.sma_cross import SmaCross

START, END = date(2022, 1, 3), date(2022, 12, 30)
FIRST = START - timedelta(days=100)
SOURCE = "synthetic"
STRATEGIES: tuple[Strategy, ...] = (Rsi(), SmaCross(5, 20))


@dataclass(frozen=True)
class Shared:
    """A price store and a folder of backtests that all machines see."""

    prices: StoredPrices
    files: StoredBacktests

    @classmethod
    def made(cls, prices: str, files: str, symbols: Sequence[str]) -> "Shared":
        """Return one with prices of some symbols."""
        store = StoredPrices(prices)
        for symbol in symbols:
            bars = SyntheticSource().fetch(symbol, FIRST, END)
            store.write(SOURCE, symbol, bars, (FIRST, END))
        return cls(store, StoredBacktests(files))

    def spec(self, run_id: str, strategies: Sequence[Strategy], symbols: Sequence[str]) -> RunSpec:
        """Return a run with an equal-weight universe of its symbols."""
        window, settings = Window(START, END), BacktestSettings()
        loaded = [one for _, one in load_histories(self.prices, SOURCE, wanted(symbols))]
        histories = [one.history for one in loaded if not isinstance(one, Exception)]
        return RunSpec(
            run_id=run_id,
            source=SOURCE,
            strategies=strategies,
            window=window,
            settings=settings,
            stored_settings=stored_settings(settings, 100),
            code_versions={one.name: code_version(type(one)) for one in strategies},
            universe=EqualWeight.of(histories, window),
        )


@dataclass
class Done:
    """What came of a run."""

    rows: list[pl.DataFrame] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)

    @property
    def symbols(self) -> list[str]:
        """The symbols that have results, in their order."""
        return pl.concat(self.rows)["symbol"].unique(maintain_order=True).to_list()


def wanted(symbols: Sequence[str]) -> list[HistorySpec]:
    """Return which history of each symbol."""
    return [HistorySpec(symbol, FIRST, END) for symbol in symbols]


def run(
    shared: Shared, spec: RunSpec, symbols: Sequence[str], size: int, executor: Executor | None
) -> Done:
    """Run a spec in this process, or by an executor."""
    manager: Any = None
    archive = ResultArchive(spec, manager, shared.files, use_stored=False)
    engine, done = VectorBTEngine(spec.settings), Done()
    if executor is None:
        runner = BacktestRunner(spec, engine, archive, failures=done.failures)
    else:
        runner = ChunkRunner(spec, engine, archive, executor, failures=done.failures)
    load = partial(load_histories, shared.prices, spec.source)
    batches = [wanted(symbols[place : place + size]) for place in range(0, len(symbols), size)]
    for rows in runner.run(load, batches):
        done.rows.append(rows)
    return done


def read_files(shared: Shared, run_id: str) -> dict[str, str | None]:
    """Return the SHA-256 of each file that the manifests of a run name, verified."""
    found: dict[str, str | None] = {}
    for part in shared.files.parts(run_id):
        shared.files.verify(run_id, part)
        manifest = shared.files._read_manifest(run_id, part)
        found |= {f"{name}-{part}": digest for name, digest in manifest.files.items()}
        found[f"digests-{part}"] = hashlib.sha256(repr(manifest.results).encode()).hexdigest()
    return found


def list_names(shared: Shared, run_id: str) -> set[str]:
    """Return the names of all files in a run's folder."""
    return {path.name for path in Path(shared.files.root, run_id).iterdir()}
