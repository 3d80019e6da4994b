"""The driver's side of a run whose chunks are computed elsewhere.

It looks up what is stored, hands out chunks of symbols, commits what comes back, and accounts for
it in the order of the batches: rows, failures and trials are those of a `BacktestRunner`, whoever
computed them and whenever they came.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any, Protocol

from engine.backtest import VectorBTEngine
from engine.failure import Failure
from engine.history import History
from engine.results import BacktestResult
from research.audit.backtest_audit import BacktestAudit
from research.chunks import Chunk, ChunkFailure, ChunkOutcome, Executor, Known, Planned
from research.errors import DifferentBitsError
from research.run_spec import IdentifiedResult, RunSpec
from research.runner import Loaded
from research.trial_collector import KeptBatch
from strategies.indicator_cache import CacheStats

if TYPE_CHECKING:
    import polars as pl


class Wanted(Protocol):
    """Which history of a symbol is wanted."""

    @property
    def symbol(self) -> str:
        """Its name."""
        ...


Load = Callable[[Iterable[Any]], Iterator[tuple[str, Loaded | Exception]]]


class CommittingArchive(Protocol):
    """Where stored results are looked up, and what workers have written is committed."""

    def find_known(self, symbols: Sequence[str]) -> "tuple[pl.DataFrame, Mapping[str, Known]]":
        """Return stored results of symbols that may be used again, and what identifies them."""
        ...

    def commit(
        self, outcome: ChunkOutcome, stored: "pl.DataFrame", order: Sequence[str]
    ) -> "pl.DataFrame":
        """Make a chunk a part of the run; return its rows in the order of the identifiers."""
        ...

    def commit_nothing(self, part: int) -> "pl.DataFrame":
        """Make a part without results of a chunk that was given up; return no rows."""
        ...

    def digest(self, results: Sequence[IdentifiedResult]) -> Mapping[str, str]:
        """Return the digests of results by identifier."""
        ...


@dataclass
class ChunkRunner:
    """Has the strategies of a run computed on its symbols, a chunk of symbols at a time.

    Parameters and attributes are those of `BacktestRunner`; the engine is for a sample that is
    computed here as well.
    """

    spec: RunSpec
    engine: VectorBTEngine
    archive: CommittingArchive
    executor: Executor
    audit: BacktestAudit = field(default_factory=BacktestAudit)
    sample: Callable[[int], None] = lambda _: None
    collect: Callable[[KeptBatch], None] = lambda _: None
    failures: list[Failure] = field(default_factory=list)
    cached: Counter[str] = field(default_factory=Counter)
    computed: Counter[str] = field(default_factory=Counter)
    differing: int = 0
    indicators: CacheStats = field(default_factory=CacheStats)
    _stored: "dict[int, pl.DataFrame]" = field(default_factory=dict)
    _hosts: set[str] = field(default_factory=set)
    _sampled: dict[str, Mapping[int, str]] = field(default_factory=dict)
    _workers: dict[str, str] = field(default_factory=dict)

    def run(self, load: Load, batches: Sequence[Sequence[Wanted]]) -> "Iterator[pl.DataFrame]":
        """Yield the rows of each batch, by symbol and then strategy, once they are kept.

        Raises
        ------
        DifferentBitsError
            When a worker's results of the first symbols, or of the first symbol of its host, are
            not what this process computes.
        """
        done: dict[int, tuple[ChunkOutcome | ChunkFailure, pl.DataFrame]] = {}
        following, wanted = 0, {one.symbol: one for batch in batches for one in batch}
        for outcome in self.executor.run(self._plan(batches)):
            self._try_host(outcome, load, wanted)
            done[outcome.part] = outcome, self._commit(outcome)
            while following in done:
                yield self._account(batches[following], *done.pop(following))
                following += 1
        self._compute_sample(load, wanted)

    def _plan(self, batches: Sequence[Sequence[Wanted]]) -> Iterator[Chunk[Wanted]]:
        for part, batch in enumerate(batches):
            self._stored[part], known = self.archive.find_known([one.symbol for one in batch])
            yield Chunk(part, tuple(batch), known)

    def _commit(self, outcome: ChunkOutcome | ChunkFailure) -> "pl.DataFrame":
        stored = self._stored.pop(outcome.part)
        if isinstance(outcome, ChunkFailure):
            return self.archive.commit_nothing(outcome.part)
        order = [one.identifier for one in outcome.planned]
        used = stored["id"].is_in(order) & ~stored["id"].is_in(list(outcome.differing))
        return self.archive.commit(outcome, stored.filter(used), order)

    def _account(
        self,
        batch: Sequence[Wanted],
        outcome: ChunkOutcome | ChunkFailure,
        rows: "pl.DataFrame",
    ) -> "pl.DataFrame":
        self.sample(len(batch))
        if isinstance(outcome, ChunkFailure):
            self.failures += [Failure.of(one.symbol, outcome.error) for one in batch]
            return rows
        self.failures += outcome.failures
        self.audit.add(outcome.findings)
        self.indicators.add(outcome.indicators)
        self.differing += len(outcome.differing)
        computed = rows["id"].is_in(list(outcome.digests))
        self.computed.update(rows.filter(computed)["strategy"])
        self.cached.update(rows.filter(~computed)["strategy"])
        planned = {
            (one.symbol, self.spec.strategies[one.strategy]): one.identifier
            for one in outcome.planned
        }
        self.collect(KeptBatch(planned, (), {}, rows))
        self._choose_sample(outcome)
        return rows

    def _try_host(
        self, outcome: ChunkOutcome | ChunkFailure, load: Load, wanted: Mapping[str, Wanted]
    ) -> None:
        """Compare a symbol of each host before any chunk of it is committed.

        What is committed is saved even where the run is lost later.
        """
        if isinstance(outcome, ChunkFailure) or outcome.worker in self._hosts:
            return
        for symbol, digests in _list_computed(outcome):
            self._hosts.add(outcome.worker)
            self._compute(load, wanted[symbol], digests, outcome.worker)
            return

    def _choose_sample(self, outcome: ChunkOutcome) -> None:
        """Note what the first symbols with a computed result gave, by the number of strategy."""
        for symbol, digests in _list_computed(outcome):
            if len(self._sampled) == self.audit.closely:
                return
            self._sampled[symbol] = digests
            self._workers[symbol] = outcome.worker

    def _compute_sample(self, load: Load, wanted: Mapping[str, Wanted]) -> None:
        """Compute the first symbols here, too: for the audit, and to compare what workers gave."""
        for symbol, digests in self._sampled.items():
            history, results = self._compute(load, wanted[symbol], digests, self._workers[symbol])
            for result in results:
                self.audit.audit(result, history)

    def _compute(
        self, load: Load, wanted: Wanted, digests: Mapping[int, str], worker: str
    ) -> "tuple[History, list[BacktestResult]]":
        """Return a symbol's history and results; raises DifferentBitsError."""
        ((symbol, loaded),) = load([wanted])
        if isinstance(loaded, Exception):
            raise loaded
        results = [
            result
            for outcome in self.engine.run_batches(
                [loaded.history],
                [self.spec.strategies[number] for number in digests],
                self.spec.window,
                self.spec.universe,
            )
            for result in outcome.results
        ]
        here = self.archive.digest(
            [IdentifiedResult(str(number), "", one) for number, one in enumerate(results)]
        )
        if list(here.values()) != list(digests.values()):
            raise DifferentBitsError(
                f"{worker} computed other numbers for {symbol} than this machine does from the "
                "same bars. Compute the run without that machine."
            )
        return loaded.history, results


def _list_computed(outcome: ChunkOutcome) -> Iterator[tuple[str, Mapping[int, str]]]:
    """Yield each symbol with what was computed: digests by the number of the strategy."""
    digests = {**outcome.compared, **outcome.digests}
    computed = (one for one in outcome.planned if one.identifier in digests)
    for symbol, backtests in groupby(computed, key=_get_symbol):
        yield symbol, {one.strategy: digests[one.identifier] for one in backtests}


def _get_symbol(planned: Planned) -> str:
    return planned.symbol
