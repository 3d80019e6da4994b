"""The cache as one run's backtests use it: what is known of a batch, and what the run adds."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from engine.settings import Window
from research.audit.scaling import MOST_SYMBOLS
from research.audit.stage_profile import CachedResults, Scaling
from resources.result_cache.hits import Backtest, Findings, Found, KnownResults, Reference, together
from resources.result_cache.kept import Kept
from resources.result_cache.keys import joint_key, probes, result_key, terms_key
from resources.result_cache.prices import KnownPrices
from resources.run_artifacts.backtest_files import BacktestFiles
from resources.run_artifacts.backtest_tables import BacktestTables, Provenance
from strategies.base import Strategy

if TYPE_CHECKING:
    import polars as pl

    from resources.price_store.spans import HistorySpec

_SCALING = "scaling"
_MOST_SCALINGS = 1000


@dataclass
class RunCache:
    """What is known of the backtests of a run.

    Parameters
    ----------
    strategies
        Of the run, in the order of its results.
    settings
        The terms that are stored with each result.
    made
        The provenance of what the run computes: part of each key, the run itself aside. Its
        `data_versions` may grow while the run works.
    """

    kept: Kept
    prices: KnownPrices
    files: BacktestFiles
    strategies: Sequence[Strategy]
    window: Window
    settings: Mapping[str, Any]
    made: Provenance
    hits: Counter[str] = field(default_factory=Counter)
    misses: Counter[str] = field(default_factory=Counter)
    _found: dict[int, tuple[list[Backtest], Found]] = field(default_factory=dict)
    _terms: dict[str, str] = field(default_factory=dict)
    _first: list["HistorySpec"] = field(default_factory=list)
    _references: dict[Backtest, tuple[str, Reference]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Make the keys that all symbols share."""
        last = self.window.last_session
        common = {
            "start": self.window.start.isoformat(),
            "end": self.window.end.isoformat(),
            "last_session": last.isoformat() if last else None,
            "settings": dict(self.settings),
            "source": self.made.source,
            "universe": self.made.universe_version,
        }
        for one in self.strategies:
            code = self.made.code_versions[one.name]
            self._terms[one.name] = terms_key(one, code, common)
        self._results = KnownResults(self.kept, self.files)

    def find(self, part: int, wanted: Sequence["HistorySpec"]) -> dict[str, tuple[str, ...]]:
        """Return which strategies have to be computed, by symbol; () for a symbol that has all."""
        order = [(symbol, one.name) for symbol, _, _ in wanted for one in self.strategies]
        versions = self.prices.versions(wanted) if self.kept.ask else {}
        keys = {one: self._key(one, versions[one[0]]) for one in order if one[0] in versions}
        found = self._results.find(keys, versions)
        self._found[part] = order, found
        self._keep_first(wanted, found)
        missing = {symbol: [] for symbol, _, _ in wanted}
        for symbol, strategy in order:
            known = (symbol, strategy) in found.findings
            (self.hits if known else self.misses)[strategy] += 1
            if not known:
                missing[symbol].append(strategy)
        return {symbol: tuple(names) for symbol, names in missing.items()}

    def findings(self, part: int) -> dict[Backtest, Findings]:
        """Return what was found of a part's known results when they were looked at."""
        return self._found[part][1].findings

    def write(
        self, part: int, computed: BacktestTables, findings: Mapping[Backtest, Findings]
    ) -> "pl.DataFrame":
        """Store a part, known results and computed ones in their order; return its results."""
        order, found = self._found.pop(part)
        run_id = self.made.run_id
        tables, files = together(found, computed, order, run_id)
        digests = self.files.write(run_id, part, tables, files)
        references = {
            self._key((symbol, strategy), version): Reference(
                run_id, part, identifier, findings.get((symbol, strategy), {})
            )
            for identifier, symbol, strategy, version in computed.results.select(
                "id", "symbol", "strategy", "data_version"
            ).iter_rows()
        }
        # A step that is tried again may replace a part that results are known to be in.
        replaced = any(one.run_id == run_id for _, one in found.references.values())
        if references or replaced:
            self._results.remember(references, (run_id, part), digests)
        return tables.results

    @property
    def first_hits(self) -> list["HistorySpec"]:
        """The first symbols of the run of which a result was known, as many as a probe looks at."""
        return list(self._first)

    def is_made_of(self, symbol: str, data_version: str) -> bool:
        """Return whether the known results of one of the first symbols are made of such bars."""
        keys = {self._key(one, data_version) for one in self._references if one[0] == symbol}
        return keys == {key for one, (key, _) in self._references.items() if one[0] == symbol}

    def add_findings(self, symbol: str, strategy: str, findings: Findings) -> None:
        """Keep what a later look at a known result of one of the first symbols found."""
        if (symbol, strategy) in self._references:
            key, reference = self._references[symbol, strategy]
            self._results.update({key: replace(reference, findings=findings)})

    def scaling(self) -> Scaling | None:
        """Return what an earlier run measured of these strategies on these terms."""
        key = self._scaling_key()
        known = self.kept.get(_SCALING, [key]).get(key)
        return Scaling.model_validate_json(known) if known is not None else None

    def remember_scaling(self, measured: Scaling) -> None:
        """Keep what this run has measured of its strategies, and that it was this run."""
        scaling = measured.model_copy(update={"measured_by": self.made.run_id})
        value = scaling.model_dump_json().encode()
        self.kept.put(_SCALING, {self._scaling_key(): value})

    def prune(self, most_results: int) -> None:
        """Forget the oldest of everything."""
        self._results.prune(most_results)
        self.prices.prune(most_results)
        self.kept.prune(_SCALING, _MOST_SCALINGS)

    def summary(self) -> CachedResults:
        """Return what was known and what was not, for the profile of the stage."""
        return CachedResults(
            hits_by_strategy=self.hits,
            misses_by_strategy=self.misses,
            damaged=self._results.damaged,
            ignored=not self.kept.ask,
        )

    @property
    def troubles(self) -> list[str]:
        """What was not as it should be, a sentence each."""
        return [*self.kept.troubles, *self._results.troubles]

    def _keep_first(self, wanted: Sequence["HistorySpec"], found: Found) -> None:
        """Keep what a probe may want to look at again."""
        known = {symbol for symbol, _ in found.references}
        room = MOST_SYMBOLS - len(self._first)
        self._first += [one for one in wanted if one[0] in known][:room]
        first = {symbol for symbol, _, _ in self._first}
        of_first = {one: kept for one, kept in found.references.items() if one[0] in first}
        self._references |= of_first

    def _key(self, backtest: Backtest, data_version: str) -> str:
        symbol, strategy = backtest
        return result_key(self._terms[strategy], symbol, data_version)

    def _scaling_key(self) -> str:
        code = self.made.code_versions
        each = [[one.name, one.parameters(), code[one.name]] for one in self.strategies]
        return joint_key(_SCALING, [each, dict(self.settings), probes()])
