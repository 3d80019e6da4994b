"""From a run's results into the ledger: each of its strategies is a trial."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from research.purpose import Purpose
from research.runner import Loaded
from research.trial_collector import Place, TrialCollector
from resources.result_store.manager import BacktestPersistenceManager
from resources.run_artifacts.backtest_files import BacktestFiles, DamagedBacktestsError
from strategies.base import Floats
from strategies.errors import GauntletError


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
            equity = self._read_equity(place, results)
            numbers: dict[str, list[int]] = {}
            curves: dict[str, list[Floats]] = {}
            for identifier, (symbol, number) in results.items():
                numbers.setdefault(symbol, []).append(number)
                curves.setdefault(symbol, []).append(equity[identifier])
            for symbol, loaded in self.load(list(numbers)):
                if isinstance(loaded, Exception) or not collector.is_of(
                    symbol, loaded.data_version
                ):
                    raise ChangedInputsError(
                        f"The prices of {symbol} have changed while they were used: run it again."
                    )
                rows = np.array(numbers[symbol])
                collector.add_curves(loaded.history, rows, np.array(curves[symbol]))

    def _read_equity(self, place: Place, identifiers: Collection[str]) -> dict[str, Floats]:
        try:
            (table,) = self.files.equity_parts([place])
        except (FileNotFoundError, DamagedBacktestsError) as error:
            raise ChangedInputsError(f"{error} It was there a moment ago: run it again.") from error
        wanted = table.filter(table["backtest_id"].is_in(list(identifiers)))
        parts = wanted.partition_by("backtest_id", maintain_order=True, include_key=True)
        return {one["backtest_id"][0]: one["equity"].to_numpy() for one in parts}
