"""A sweep: every symbol at every point of a strategy's ranges, computed as it is read."""

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any

from engine.errors import InvalidInputError
from engine.failure import Failure
from engine.history import History
from engine.outcomes import BatchOutcome, frame
from engine.parameter_grid import ParameterGrid
from engine.results import BacktestResult
from strategies.indicator_cache import CacheStats

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray


class Sweep:
    """A sequence of results, by symbol and then point, that is computed when it is read.

    `batches`, `table` and iteration go through the symbols and keep nothing: memory does not grow
    with their number. `len`, an index, `results` and `column` keep metrics and trades, about 2 KB
    per result, and what is read after them is not computed again.

    Parameters
    ----------
    histories
        As given. A generator can be gone through once.
    grid
        The points; `skipped` are those that break a rule between parameters.
    run
        Yields the outcomes of the histories under all points.
    """

    def __init__(
        self,
        histories: Iterable[History],
        grid: ParameterGrid,
        run: Callable[[], Iterator[BatchOutcome]],
    ) -> None:
        self.skipped = grid.skipped
        self._points = f"{len(grid.strategies)} points of {grid.strategies[0].name}"
        self._run = run
        self._goes_once = iter(histories) is histories
        self._used_up = False
        self._found: tuple[list[Failure], CacheStats] | None = None

    def batches(self) -> Iterator[BatchOutcome]:
        """Yield the outcomes of a few symbols at a time.

        Raises
        ------
        InvalidInputError
            When a generator of histories has been used already.
        """
        if self._used_up:
            raise InvalidInputError(
                "histories was a generator, and this sweep has used it up; needed: a list."
            )
        self._used_up = self._goes_once
        failures: list[Failure] = []
        indicators = CacheStats()
        for outcome in self._run():
            failures += outcome.failures
            indicators.add(outcome.indicators)
            yield outcome
            del outcome  # before the next one is computed
        self._found = failures, indicators

    @cached_property
    def outcome(self) -> BatchOutcome:
        """All batches as one, kept."""
        return BatchOutcome.join(self.batches())

    @property
    def results(self) -> list[BacktestResult]:
        """All results as objects, kept."""
        return self.outcome.results

    @property
    def failures(self) -> list[Failure]:
        """What could not be tested, and why; known after a complete pass, which it may start."""
        return self._counts[0]

    @property
    def indicators(self) -> CacheStats:
        """How many indicators were computed, and how many were cached for another point."""
        return self._counts[1]

    def column(self, metric: str) -> "NDArray[Any]":
        """Return one metric of all results; see `BatchOutcome.column`."""
        return self.outcome.column(metric)

    def table(self, metrics: Iterable[str] | None = None) -> "pd.DataFrame":
        """Return one row per result; see `BatchOutcome.table`."""
        return frame(self._known or self.batches(), metrics)

    def __getitem__(self, place: int) -> BacktestResult:
        """Return one result as an object."""
        return self.outcome[place]

    def __iter__(self) -> Iterator[BacktestResult]:
        """Yield the results as objects."""
        return chain.from_iterable(self._known or self.batches())

    def __len__(self) -> int:
        """Return the number of results."""
        return len(self.outcome)

    def __repr__(self) -> str:
        """Return what is swept; nothing is computed for it."""
        return f"<{type(self).__name__}: {self._points}, {len(self.skipped)} skipped>"

    @property
    def _known(self) -> list[BatchOutcome]:
        return [self.outcome] if "outcome" in self.__dict__ else []

    @property
    def _counts(self) -> tuple[list[Failure], CacheStats]:
        return self._found or (self.outcome.failures, self.outcome.indicators)
