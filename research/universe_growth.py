"""What a strategy made of a universe: the average growth of its equity curves, day by day."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class UnorderedCurvesError(ValueError):
    """The bars of a curve do not follow one another, day by day."""


def compute_growth(parts: Iterable[pl.DataFrame], strategies: Mapping[str, str]) -> pl.DataFrame:
    """Return what one unit spread evenly over a strategy's symbols became, day by day.

    A symbol counts as cash before its first bar and as its last value after its last one, so that
    nobody enters or leaves the average. The parts are looked at one after the other, once, so that
    memory does not grow with the universe.

    Parameters
    ----------
    parts
        Frames with the columns backtest_id, date and equity, positive on the first bar. All bars of
        a curve are in one of them, and follow one another.
    strategies
        The strategy of each backtest that counts, by its identifier; curves of others are left out.

    Returns
    -------
    pl.DataFrame
        Columns strategy, date, growth; sorted. Each strategy has all days of all its parts.

    Raises
    ------
    UnorderedCurvesError
        When a curve is in pieces, or its days do not increase.
    """
    names = sorted(set(strategies.values()))
    place = {name: number for number, name in enumerate(names)}
    sums = _Sums(len(names))
    for part in parts:
        if not part.is_empty():
            curves = part["backtest_id"].rle().struct
            owners = [
                place.get(strategies.get(one, ""), -1) for one in curves.field("value").to_list()
            ]
            if curves.field("value").n_unique() != len(owners):
                raise UnorderedCurvesError("the bars of a curve do not follow one another")
            sums.add(part, np.array(owners), curves.field("len").to_numpy().astype(np.int64))
    days, growth = sums.total()
    return pl.DataFrame(
        {
            "strategy": np.repeat(np.array(names, dtype=object), days.size).tolist(),
            "date": pl.Series(np.tile(days, len(names)).astype(np.int32)).cast(pl.Date),
            "growth": growth.ravel(),
        },
        schema={"strategy": pl.String, "date": pl.Date, "growth": pl.Float64},
    )


@dataclass
class _Sums:
    """By how much the curves of each strategy grew on each day, added up.

    A curve adds the differences between its bars to their days: the running total is then the sum
    of all curves, each constant where it has no bar.
    """

    strategies: int
    first: int = 0
    steps: Floats = field(init=False)
    bars: Integers = field(init=False)
    curves: Integers = field(init=False)

    def __post_init__(self) -> None:
        self.steps = np.zeros((self.strategies, 0))
        self.bars = np.zeros(0, dtype=np.int64)
        self.curves = np.zeros(self.strategies, dtype=np.int64)

    def add(self, part: pl.DataFrame, owners: Integers, lengths: Integers) -> None:
        """Add the curves of a part: the strategy of each, -1 for none, and how many bars it has."""
        starts = np.cumsum(lengths) - lengths
        days = part["date"].to_physical().to_numpy().astype(np.int64)
        equity = part["equity"].to_numpy()
        begins = np.zeros(days.size, dtype=bool)
        begins[starts] = True
        if np.any(np.diff(days) <= 0, where=~begins[1:]):
            raise UnorderedCurvesError("the days of a curve do not increase")
        steps = np.diff(equity / np.repeat(equity[starts], lengths), prepend=0.0)
        steps[begins] = 0.0
        counted = np.repeat(owners, lengths)
        kept = counted >= 0
        counted, days, steps = counted[kept], days[kept], steps[kept]
        if not days.size:
            return
        self._reserve(int(days.min()), int(days.max()))
        width = self.bars.size
        cells = counted * width + days - self.first
        added = np.bincount(cells, weights=steps, minlength=self.steps.size)
        self.steps += added.reshape(self.steps.shape)
        self.bars += np.bincount(days - self.first, minlength=width)
        self.curves += np.bincount(owners[owners >= 0], minlength=self.strategies)

    def total(self) -> tuple[Integers, Floats]:
        """Return the days since 1970 that have a bar, and the growth of each strategy on them."""
        present = self.bars > 0
        grown = np.cumsum(self.steps, axis=1) / np.maximum(self.curves, 1)[:, None]
        return self.first + np.flatnonzero(present), 1.0 + grown[:, present]

    def _reserve(self, first: int, last: int) -> None:
        """Make room for the days of a part."""
        if not self.bars.size:
            self.first = first
        before = max(self.first - first, 0)
        after = max(last - (self.first + self.bars.size - 1), 0)
        self.steps = np.pad(self.steps, ((0, 0), (before, after)))
        self.bars = np.pad(self.bars, (before, after))
        self.first -= before
