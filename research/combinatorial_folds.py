"""Combinatorial purged cross-validation: every choice of test folds, and paths through them.

Source: Lopez de Prado, Advances in Financial Machine Learning (2018), chapter 12.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from math import comb

import numpy as np

from research.errors import InvalidFoldsError
from research.folds import require_bars
from strategies.base import Bools, Ints

_MOST_SPLITS = 10_000


@dataclass(frozen=True, eq=False)
class CombinatorialSplit:
    """One choice of test folds.

    Parameters
    ----------
    train
        Which bars are trained on, shape (T,): neither tested, nor purged, nor under an embargo.
    folds
        The tested folds, ascending.
    paths
        The path that each of them belongs to.
    """

    train: Bools
    folds: tuple[int, ...]
    paths: tuple[int, ...]


@dataclass(frozen=True)
class CombinatorialFolds:
    """How bars are divided: `folds` of equal length (the last takes the rest), `tested` at a time.

    The splits are those of skfolio's ``CombinatorialPurgedCV``. Each fold is tested in several of
    them; its first test belongs to the first path, and so on: a path has every bar once.

    Parameters
    ----------
    folds
        3 or more.
    tested
        Folds that are tested at once: 2 or more, fewer than `folds`.
    purge
        Bars left out of training on both sides of a test.
    embargo
        Bars left out after a test besides; the longest holding period is proposed.

    Raises
    ------
    InvalidFoldsError
        When a number is not allowed, or there would be more than 10,000 splits.
    """

    folds: int = 10
    tested: int = 8
    purge: int = 0
    embargo: int = 0

    def __post_init__(self) -> None:
        for name, least in (("folds", 3), ("tested", 2), ("purge", 0), ("embargo", 0)):
            require_bars(name, getattr(self, name), least)
        if self.tested >= self.folds:
            raise InvalidFoldsError(
                f"tested is {self.tested} of {self.folds} folds; allowed: 2 to {self.folds - 1}."
            )
        if self.splits > _MOST_SPLITS:
            raise InvalidFoldsError(
                f"{self.tested} of {self.folds} folds make {self.splits:,} splits; allowed: "
                f"up to {_MOST_SPLITS:,}."
            )

    @property
    def splits(self) -> int:
        """Number of splits."""
        return comb(self.folds, self.tested)

    @property
    def paths(self) -> int:
        """Number of paths."""
        return self.splits * self.tested // self.folds

    @property
    def name(self) -> str:
        """The folds in words, such as ``cpcv 10/8`` or ``cpcv 6/2 purge 1 embargo 5``."""
        sizes = f" purge {self.purge}" * bool(self.purge)
        sizes += f" embargo {self.embargo}" * bool(self.embargo)
        return f"cpcv {self.folds}/{self.tested}{sizes}"

    def bounds(self, bars: int) -> Ints:
        """Return where each fold begins, and the number of bars, shape (folds + 1,).

        Raises
        ------
        InvalidFoldsError
            When purge and embargo leave fewer than two bars of a fold.
        """
        size = bars // self.folds
        if self.purge + self.embargo >= size - 1:
            raise InvalidFoldsError(
                f"The {self.folds} folds of {bars} bars have {size} each, and purge and embargo "
                f"take {self.purge + self.embargo}; allowed: folds of at least "
                f"{self.purge + self.embargo + 2} bars."
            )
        return np.append(np.arange(self.folds) * size, bars)

    def split(self, bars: int) -> list[CombinatorialSplit]:
        """Return all splits of so many bars.

        Raises
        ------
        InvalidFoldsError
            As `bounds`.
        """
        bounds = self.bounds(bars)
        seen = [0] * self.folds
        splits: list[CombinatorialSplit] = []
        for folds in self._choices:
            splits.append(
                CombinatorialSplit(
                    self._find_training(folds, bounds), folds, tuple(seen[fold] for fold in folds)
                )
            )
            for fold in folds:
                seen[fold] += 1
        return splits

    @cached_property
    def _choices(self) -> list[tuple[int, ...]]:
        return list(combinations(range(self.folds), self.tested))

    def _find_training(self, tested: tuple[int, ...], bounds: Ints) -> Bools:
        train = np.ones(bounds[-1], dtype=np.bool_)
        for fold in tested:
            begin, end = bounds[fold], bounds[fold + 1]
            train[max(begin - self.purge, 0) : end + self.purge + self.embargo] = False
        return train
