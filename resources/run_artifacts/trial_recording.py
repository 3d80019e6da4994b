"""From a run's results into the ledger: each of its strategies is a trial."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from research.holdings import Holdings
from research.purpose import Purpose
from research.runner import Loaded
from research.trial_collector import Place, TrialCollector
from resources.result_store.manager import BacktestPersistenceManager
from resources.run_artifacts.backtest_files import BacktestFiles
from resources.run_artifacts.stored_backtests import DamagedBacktestsError
from strategies.errors import GauntletError

if TYPE_CHECKING:
    import polars as pl


class ChangedInputsError(GauntletError):
    """Bars or curves of cached results are not what they were when the run looked them up."""


@dataclass(frozen=True)
class TrialRecorder:
    """Adds what a run has tried to the ledger, whether it computed it or found it stored.

    Parameters
    ----------
    load
        Yields the histories of some symbols, or why they can't be loaded.
    """

    manager: BacktestPersistenceManager
    files: BacktestFiles
    load: Callable[[Sequence[str]], Iterator[tuple[str, Loaded | Exception]]]
    purpose: Purpose
    run_id: str
    user: str | None

    def record(self, collector: TrialCollector) -> int:
        """Record the trials of a run; return how many were new. Nothing is read of known ones.

        Raises
        ------
        ChangedInputsError
            When a cached curve or the bars behind it have changed since they were looked up.
        """
        identifiers = collector.identify()
        if not identifiers or self.manager.find_trials(identifiers).issuperset(identifiers):
            return 0
        if not collector.complete:
            self._read_curves(collector)
        scope, trials = collector.build()
        return self.manager.record_trials(
            scope, trials, purpose=self.purpose, run_id=self.run_id, user=self.user
        )

    def _read_curves(self, collector: TrialCollector) -> None:
        """Add all curves from the files, a part at a time."""
        collector.restart()
        for place, results in collector.places.items():
            equity, trades = self._read_results(place, results)
            of_symbol: dict[str, dict[str, int]] = {}
            for identifier, (symbol, number) in results.items():
                of_symbol.setdefault(symbol, {})[identifier] = number
            for symbol, loaded in self.load(list(of_symbol)):
                if isinstance(loaded, Exception) or not collector.is_of(
                    symbol, loaded.data_version
                ):
                    raise ChangedInputsError(
                        f"The prices of {symbol} have changed while they were used: run it again."
                    )
                numbers = of_symbol[symbol]
                curves = [equity[one]["equity"].to_numpy() for one in numbers]
                dates = equity[next(iter(numbers))]["date"].to_numpy()
                holdings = _find_holdings(dates, [trades.get(one) for one in numbers])
                collector.add_curves(
                    loaded.history, np.array(list(numbers.values())), np.array(curves), holdings
                )

    def _read_results(
        self, place: Place, identifiers: Collection[str]
    ) -> "Iterator[dict[str, pl.DataFrame]]":
        """Yield curves and then trades of the results of a part that have some."""
        try:
            tables = [*self.files.equity_parts([place]), self.files.read_trades(*place)]
        except (FileNotFoundError, DamagedBacktestsError) as error:
            raise ChangedInputsError(f"{error} It was there a moment ago: run it again.") from error
        for table in tables:
            wanted = table.filter(table["backtest_id"].is_in(list(identifiers)))
            parts = wanted.partition_by("backtest_id", maintain_order=True, include_key=True)
            yield {one["backtest_id"][0]: one for one in parts}


def _find_holdings(
    dates: NDArray[np.datetime64], trades: "Sequence[pl.DataFrame | None]"
) -> Holdings:
    """Return the holdings of results on the same bars, given the trades of each."""
    rows = [(row, one) for row, one in enumerate(trades) if one is not None]
    account = np.repeat([row for row, _ in rows], [one.height for _, one in rows]).astype(np.int64)

    def join(column: str) -> "np.ndarray":
        parts = [one[column].to_numpy() for _, one in rows]
        return np.concatenate(parts) if parts else np.empty(0, dtype="datetime64[D]")

    entered, left = join("entry_date"), join("exit_date")
    return Holdings.on_days(
        dates, account, entered, left, join("status") == "open", join("direction") == "long"
    )
