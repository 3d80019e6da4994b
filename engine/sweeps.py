"""A sweep: every symbol at every point of a strategy's ranges, computed as it is read."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any, overload

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


class Sweep(Sequence[BacktestResult]):
    """A sequence of results, by symbol and then point, that is computed when it is read.

    `batches`, `table` and iteration go through the symbols and keep nothing, so memory does not
    grow with their number. The first of `len`, an index, `results` and `column` keeps what it
    computes: metrics and trades, about 2 KB per result; what is read after it is not computed
    again.

    Parameters
    ----------
    histories
        As given. A generator can be gone through once.
    grid
        The points.
    run
        Yields the outcomes of the histories under all points.

    Attributes
    ----------
    skipped
        The points that break a rule between parameters (fast below slow).
    """

    def __init__(
        self,
        histories: Iterable[History],
        grid: ParameterGrid,
        run: Callable[[], Iterator[BatchOutcome]],
    ) -> None:
        self.skipped = grid.skipped
        self.strategies = grid.strategies
        self._run = run
        self._once = iter(histories) is histories
        self._used = False
        self._found: tuple[list[Failure], CacheStats] | None = None

    def batches(self) -> Iterator[BatchOutcome]:
        """Yield the outcomes of a few symbols at a time.

        Raises
        ------
        InvalidInputError
            When a generator of histories has been used already.
        """
        if self._once and self._used:
            raise InvalidInputError(
                "histories was a generator, which this sweep has used up; needed to go through it "
                "again: a list of histories."
            )
        self._used = True
        failures: list[Failure] = []
        indicators = CacheStats()
        for outcome in self._run():
            failures += outcome.failures
            indicators.add(outcome.indicators)
            yield outcome
        self._found = failures, indicators

    @cached_property
    def outcome(self) -> BatchOutcome:
        """All batches as one."""
        return BatchOutcome.join(self.batches())

    @property
    def results(self) -> list[BacktestResult]:
        """All results as objects."""
        return self.outcome.results

    @property
    def failures(self) -> list[Failure]:
        """What could not be tested, and why."""
        return self._count()[0]

    @property
    def indicators(self) -> CacheStats:
        """How many indicators were computed, and how many were cached for another point."""
        return self._count()[1]

    def column(self, metric: str) -> "NDArray[Any]":
        """Return one metric of all results; see `BatchOutcome.column`."""
        return self.outcome.column(metric)

    def table(self, metrics: Iterable[str] | None = None) -> "pd.DataFrame":
        """Return one row per result; see `BatchOutcome.table`."""
        return frame(self._known or self.batches(), metrics)

    @overload
    def __getitem__(self, place: int) -> BacktestResult: ...

    @overload
    def __getitem__(self, place: slice) -> list[BacktestResult]: ...

    def __getitem__(self, place: int | slice) -> BacktestResult | list[BacktestResult]:
        """Return one result, or several."""
        return self.outcome[place]

    def __iter__(self) -> Iterator[BacktestResult]:
        """Yield the results."""
        return chain.from_iterable(self._known or self.batches())

    def __len__(self) -> int:
        """Return the number of results."""
        return len(self.outcome)

    def __repr__(self) -> str:
        """Return what is swept; nothing is computed for it."""
        points = f"{len(self.strategies)} points of {self.strategies[0].name}"
        return f"<{type(self).__name__}: {points}, {len(self.skipped)} skipped>"

    @property
    def _known(self) -> list[BatchOutcome]:
        """What was kept."""
        return [self.outcome] if "outcome" in self.__dict__ else []

    def _count(self) -> tuple[list[Failure], CacheStats]:
        """Return the failures and counts of the last complete pass, or of a first one."""
        if self._found is None:
            return self.outcome.failures, self.outcome.indicators
        return self._found
