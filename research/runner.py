"""Runs the backtests of a run: looks up what is stored, computes the rest, audits, and keeps it.

It knows no Dagster and no database. Assets, requests and notebooks use it alike; what it needs of
the outside world is a function that loads bars and an archive of results.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, groupby, islice
from typing import TYPE_CHECKING, Protocol, TypeVar
from zlib import crc32

from engine.backtest import VectorBTEngine
from engine.failure import Failure
from engine.history import History
from engine.results import BacktestResult
from research.audit.backtest_audit import BacktestAudit
from research.audit.integrity import find_uncountable
from research.run_spec import IdentifiedResult, RunSpec
from research.trial_collector import KeptBatch
from strategies.base import Strategy
from strategies.indicator_cache import CacheStats

if TYPE_CHECKING:
    import polars as pl

Backtest = tuple[str, Strategy]
"""A symbol, and a strategy with its parameters."""


class Loaded(Protocol):
    """A symbol's history, and the version of the bars that it was made of."""

    @property
    def history(self) -> History:
        """Bars up to the window's end, warm-up included."""
        ...

    @property
    def data_version(self) -> str:
        """Content hash of the bars."""
        ...


Spec = TypeVar("Spec")
"""Which history of a symbol is wanted; the runner hands it on unseen."""


class Archive(Protocol):
    """Where results are looked up by their identifiers, and kept."""

    def find(self, identifiers: Sequence[str]) -> "pl.DataFrame":
        """Return the rows of the stored results that may be used again."""
        ...

    def differing(
        self, computed: Sequence[IdentifiedResult], stored: "pl.DataFrame"
    ) -> Sequence[str]:
        """Return the identifiers of the results that are stored otherwise than computed."""
        ...

    def write(
        self,
        part: int,
        computed: Sequence[IdentifiedResult],
        stored: "pl.DataFrame",
        order: Sequence[str],
    ) -> "pl.DataFrame":
        """Keep a part of the run's results; return its rows in the order of the identifiers."""
        ...


@dataclass
class BacktestRunner:
    """Runs the strategies of a run on its symbols, a batch of symbols at a time.

    Parameters
    ----------
    spec
        What is run.
    engine
        With the settings of `spec`; whoever made it closes it.
    archive
        Where results are looked up and kept.
    audit
        Looks at results as they are computed.
    sample
        Called with the number of symbols just finished, to sample memory.
    collect
        Called with each batch once it is kept.

    Attributes
    ----------
    failures
        What failed, by symbol and strategy.
    cached, computed
        How many results came from the archive and from the engine, by strategy name.
    differing
        How many stored results were not what computing them again gave; they are replaced.
    indicators
        How often an indicator was shared between strategies.
    """

    spec: RunSpec
    engine: VectorBTEngine
    archive: Archive
    audit: BacktestAudit = field(default_factory=BacktestAudit)
    sample: Callable[[int], None] = lambda _: None
    collect: Callable[[KeptBatch], None] = lambda _: None
    failures: list[Failure] = field(default_factory=list)
    cached: Counter[str] = field(default_factory=Counter)
    computed: Counter[str] = field(default_factory=Counter)
    differing: int = 0
    indicators: CacheStats = field(default_factory=CacheStats)

    def run(
        self,
        load: Callable[[Iterable[Spec]], Iterator[tuple[str, Loaded | Exception]]],
        batches: Sequence[Sequence[Spec]],
        first_part: int = 0,
    ) -> Iterator["pl.DataFrame"]:
        """Yield the rows of each batch, by symbol and then strategy, once they are kept.

        Bars are taken from `load` as they are needed, and released with their batch: memory does
        not grow with the number of batches.

        Parameters
        ----------
        load
            Yields a symbol and its history per spec, in their order, or why it can't be loaded.
        first_part
            The number of the first batch among those of the run.
        """
        stream = load(chain.from_iterable(batches))
        for part, batch in enumerate(batches, first_part):
            yield self._run_batch(part, self._take(islice(stream, len(batch))))

    def _take(self, stream: Iterable[tuple[str, Loaded | Exception]]) -> dict[str, Loaded]:
        taken: dict[str, Loaded] = {}
        for symbol, loaded in stream:
            if isinstance(loaded, Exception):
                self.failures.append(Failure.of(symbol, loaded))
            else:
                taken[symbol] = loaded
        return taken

    def _run_batch(self, part: int, loaded: Mapping[str, Loaded]) -> "pl.DataFrame":
        planned: dict[Backtest, str] = {
            (symbol, strategy): self.spec.identify(
                symbol, strategy, one.data_version, one.history.bars_per_year
            )
            for symbol, one in loaded.items()
            for strategy in self.spec.strategies
        }
        stored = self.archive.find(list(planned.values()))
        again = self._compare(stored, planned, loaded)
        if again:
            stored = stored.remove(stored["id"].is_in([one.identifier for one in again]))
        there = {*stored["id"], *(one.identifier for one in again)}
        missing = {symbol: self._select_missing(symbol, planned, there) for symbol in loaded}
        computed = [*again, *self._compute(missing, planned, loaded)]
        self.computed.update(one.result.strategy.name for one in computed)
        self.cached.update(stored["strategy"])
        if not computed:
            self.sample(len(loaded))
        rows = self.archive.write(part, computed, stored, list(planned.values()))
        histories = {symbol: one.history for symbol, one in loaded.items()}
        self.collect(KeptBatch(planned, computed, histories, rows))
        return rows

    def _select_missing(
        self, symbol: str, planned: Mapping[Backtest, str], there: set[str]
    ) -> tuple[Strategy, ...]:
        return tuple(one for one in self.spec.strategies if planned[symbol, one] not in there)

    def _compute(
        self,
        missing: Mapping[str, tuple[Strategy, ...]],
        planned: Mapping[Backtest, str],
        loaded: Mapping[str, Loaded],
    ) -> Iterator[IdentifiedResult]:
        """Yield what has to be computed, and note what fails.

        Symbols in a row that lack the same strategies go through the engine together: nothing is
        stored of a new universe, and that is one call per batch.
        """
        for strategies, group in groupby(missing, key=missing.__getitem__):
            if not strategies:
                continue
            histories = [loaded[symbol].history for symbol in group]
            universe = self.spec.universe
            for outcome in self.engine.run_batches(
                histories, strategies, self.spec.window, universe
            ):
                self.failures += outcome.failures
                self.indicators.add(outcome.indicators)
                for result in outcome.results:
                    if absurd := find_uncountable(result):
                        self.failures.append(_build_uncountable(result, absurd))
                        continue
                    one = loaded[result.symbol]
                    self.audit.audit(result, one.history)
                    identifier = planned[result.symbol, result.strategy]
                    yield IdentifiedResult(identifier, one.data_version, result)
                done = [*outcome.results, *outcome.failures]
                self.sample(len({one.symbol for one in done}))

    def _compare(
        self, stored: "pl.DataFrame", planned: Mapping[Backtest, str], loaded: Mapping[str, Loaded]
    ) -> list[IdentifiedResult]:
        """Compute the stored results of one symbol again; return those that differ.

        A store that is believed unseen would hide a fault for ever. One symbol per batch costs half
        a percent of it, and each run takes other symbols.
        """
        symbols = sorted(set(stored["symbol"]))
        if not symbols:
            return []
        chosen = symbols[crc32(self.spec.run_id.encode()) % len(symbols)]
        of_chosen = stored.filter(symbol=chosen)
        known = set(of_chosen["id"])
        sampled = {
            chosen: tuple(one for one in self.spec.strategies if planned[chosen, one] in known)
        }
        again = list(self._compute(sampled, planned, loaded))
        differing = set(self.archive.differing(again, of_chosen))
        self.differing += len(differing)
        return [one for one in again if one.identifier in differing]


def _build_uncountable(result: BacktestResult, why: str) -> Failure:
    """Return the failure of a result that would spoil whatever it is added to."""
    return Failure(result.symbol, "UncountableMoneyError", why, strategy=result.strategy.name)
