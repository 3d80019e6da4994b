"""Collects the trials of a run: each of its strategies, over all of its symbols."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING
from uuid import UUID

import numpy as np

from engine.equal_weight import EqualWeight
from engine.history import History
from engine.settings import Window
from research.holdings import Holdings
from research.residuals import compute_residuals
from research.run_spec import IdentifiedResult, RunSpec
from research.trials import BACKTEST_PROTOCOL, Trial, TrialScope, combine_data_versions, trial_id
from research.universe_curves import UniverseCurveSum
from strategies.base import Floats, Ints, Strategy

if TYPE_CHECKING:
    import polars as pl

Place = tuple[str, int]
"""A run, and a part of its files."""


@dataclass(frozen=True)
class KeptBatch:
    """A batch of symbols whose results are kept.

    Parameters
    ----------
    planned
        The identifier of each result by symbol and strategy.
    computed
        The results that were computed, by symbol.
    histories
        By symbol.
    rows
        All results of the batch, the cached ones included.
    """

    planned: Mapping[tuple[str, Strategy], str]
    computed: Sequence[IdentifiedResult]
    histories: Mapping[str, History]
    rows: "pl.DataFrame"


class TrialCollector:
    """The trials of a run, known by their identifiers before any cached curve is read.

    The curves of computed results are added as they come. Those of cached results are in files:
    where a trial is not in the ledger yet, `restart`, then `add_curves` of all results.

    Parameters
    ----------
    spec
        What is run.
    symbols
        Those that were asked for, in the universe's order.
    """

    def __init__(self, spec: RunSpec, symbols: Sequence[str]) -> None:
        self._spec, self._symbols = spec, tuple(symbols)
        self._number = {strategy: number for number, strategy in enumerate(spec.strategies)}
        self._versions: dict[str, str] = {}
        self._tried: set[int] = set()
        self._total = UniverseCurveSum(spec.strategies, spec.window)
        self.places: dict[Place, dict[str, tuple[str, int]]] = {}
        """Where the curve of each result is: symbol and number of the strategy by identifier."""
        self.complete = True
        """Whether all curves have been added."""

    def add(self, batch: KeptBatch) -> None:
        """Add a batch: what it is made of, and the curves that were computed."""
        backtests = {identifier: backtest for backtest, identifier in batch.planned.items()}
        columns = ("id", "data_version", "run_id", "part")
        for identifier, version, run_id, part in batch.rows.select(columns).iter_rows():
            symbol, strategy = backtests[identifier]
            self._versions[symbol] = version
            self._tried.add(number := self._number[strategy])
            self.places.setdefault((run_id, part), {})[identifier] = symbol, number
        self.complete &= len(batch.computed) == batch.rows.height
        if self.complete:
            for symbol, some in groupby(batch.computed, lambda one: one.result.symbol):
                results = [one.result for one in some]
                numbers = np.array([self._number[one.strategy] for one in results])
                equity = np.array([one.equity for one in results])
                account = np.repeat(np.arange(len(results)), [len(one.trades) for one in results])
                trades = np.concatenate([one.trades for one in results])
                holdings = Holdings.of(trades, account)
                self.add_curves(batch.histories[symbol], numbers, equity, holdings)

    def restart(self) -> None:
        """Forget the curves: all are added again, in the order of the files."""
        self._total = UniverseCurveSum(self._spec.strategies, self._spec.window)

    def add_curves(
        self, history: History, numbers: Ints, equity: Floats, holdings: Holdings
    ) -> None:
        """Add the equity of some strategies on one symbol.

        Parameters
        ----------
        numbers
            Of the strategies in the run, each once, shape (n,).
        equity
            At each close of the window, shape (n, bars).
        holdings
            Of these accounts.
        """
        capital = self._spec.settings.initial_capital
        returns = compute_returns(equity, capital)
        self._total.add_accounts(history.cut_to(self._spec.window), numbers, returns, holdings)

    def is_of(self, symbol: str, data_version: str) -> bool:
        """Return whether a symbol's results are made of the bars of this version."""
        return self._versions[symbol] == data_version

    def identify(self) -> list[UUID]:
        """Return the identifiers of the trials: of each strategy that has a result."""
        nothing = np.empty(0)
        scope = self._build_scope(nothing.astype("datetime64[D]"), nothing)
        versions = self._spec.code_versions
        strategies = [self._spec.strategies[number] for number in sorted(self._tried)]
        return [
            trial_id(scope, one.name, one.parameters(), versions[one.name]) for one in strategies
        ]

    def build(self) -> tuple[TrialScope, list[Trial]]:
        """Return the trials with their curves, which must all have been added.

        Without an equal-weight universe the market is 0 on all days, and curves are not residual
        but raw, with a beta of 0.
        """
        curves = self._total.curves(self._spec.universe or flat_universe(self._spec.window))
        residuals, betas = compute_residuals(curves.returns, curves.market)
        trials = [
            Trial(
                strategy=strategy.name,
                parameters=strategy.parameters(),
                code_version=self._spec.code_versions[strategy.name],
                protocol=BACKTEST_PROTOCOL,
                tested_symbols=int(curves.symbols[number]),
                activity=float(curves.activity[number]),
                beta=float(betas[number]),
                residual=residuals[number].astype(np.float32),
                exposure=curves.exposure[number].astype(np.float16),
            )
            for number, strategy in enumerate(self._spec.strategies)
            if number in self._tried
        ]
        return self._build_scope(curves.dates, curves.market), trials

    def _build_scope(self, dates: np.ndarray, market: Floats) -> TrialScope:
        spec = self._spec
        return TrialScope(
            source=spec.source,
            symbols=self._symbols,
            data_version=combine_data_versions(self._versions.items()),
            universe_version=spec.universe_version,
            start_date=spec.window.start,
            end_date=spec.window.end,
            settings=spec.stored_settings,
            dates=dates,
            market=market,
        )


def compute_returns(equity: Floats, capital: float) -> Floats:
    """Return the bar-by-bar returns of accounts, the first against the capital, shape (n, bars).

    As `engine.metrics.inputs.MetricInputs.returns`, to the bit. After the capital is lost they mean
    nothing, and may be infinite.
    """
    returns = np.empty_like(equity)
    with np.errstate(divide="ignore", invalid="ignore"):
        returns[:, 1:] = (equity[:, 1:] - equity[:, :-1]) / equity[:, :-1]
    returns[:, 0] = (equity[:, 0] - capital) / capital
    return returns


def flat_universe(window: Window) -> EqualWeight:
    """Return a universe that earns nothing on any day of a window, and has no days of its own."""
    before = np.array([window.start], dtype="datetime64[D]") - 1
    return EqualWeight(before, np.ones(1), 0)
