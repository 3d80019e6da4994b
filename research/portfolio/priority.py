"""Which entries come first where there is not enough cash, or no place."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from engine.account.market import AccountMarket
from engine.account.rules import Ranker, Targets, rank_by_place
from research.portfolio.definition import STRENGTH, UNIVERSE, PortfolioDefinition
from research.portfolio.strengths import StrategyStrengths
from strategies.base import Floats, Ints

_DIGITS = 9
"""Of sums of shares, which 0.1 + 0.2 and 0.3 have in common."""


@dataclass(frozen=True, eq=False)
class MomentumRank:
    """The highest return over `lookback` bars first, of shorts the lowest; unknown ones last."""

    market: AccountMarket = field(repr=False)
    targets: Targets = field(repr=False)
    lookback: int

    def __call__(self, bar: int, symbols: Ints) -> Floats:
        """Return the ranks, see `engine.account.rules.Ranker`."""
        # Of shorts the lowest return comes first.
        return self.measure(bar, symbols) * -np.sign(self.targets[bar].take(symbols))

    def measure(self, bar: int, symbols: Ints) -> Floats:
        """Return close / close `lookback` bars before, NaN where there was none, shape (n,)."""
        if bar < self.lookback:
            return np.full(len(symbols), np.nan)
        before = self.market.close[bar - self.lookback].take(symbols)
        before[before == 0] = np.nan
        return self.market.close[bar].take(symbols) / before


@dataclass(frozen=True, eq=False)
class StrengthRank:
    """The strongest signal first.

    That is first what more of the strategies want, by their weights. Of equal ones, what those
    strategies want the most: each of them counts by the place that the symbol has in its strengths
    of all symbols, from 0 to 1, by their weights. So strengths of different units are comparable.
    A strategy without a strength has momentum instead; what it does not know has the place 0. What
    is equal then is ranked by momentum, and at last by its place in the universe.

    Parameters
    ----------
    strategies
        Those of the account.
    momentum
        What decides where nothing else does.
    """

    targets: Targets = field(repr=False)
    strategies: Sequence[StrategyStrengths]
    momentum: MomentumRank

    def __call__(self, bar: int, symbols: Ints) -> Floats:
        """Return the ranks, see `engine.account.rules.Ranker`."""
        wanted = self.targets[bar].take(symbols)
        keys = (
            symbols,
            self.momentum(bar, symbols),
            -np.round(self._sum_places(bar, symbols, np.sign(wanted)), _DIGITS),
            -np.round(np.abs(wanted), _DIGITS),
        )
        ranks = np.empty(len(symbols))
        ranks[np.lexsort(keys)] = np.arange(len(symbols))
        return ranks

    def _sum_places(self, bar: int, symbols: Ints, sides: Floats) -> Floats:
        """Return the sum of weight times place over the strategies that want a symbol's side."""
        total, day = np.zeros(len(symbols)), bar - self.momentum.market.first
        for one in self.strategies:
            strengths = self._find_strengths(one, bar)
            place = find_places(strengths, strengths.take(symbols), sides)
            total += np.where(one.sides[day].take(symbols) == sides, one.weight * place, 0.0)
        return total

    def _find_strengths(self, strategy: StrategyStrengths, bar: int) -> NDArray[np.floating]:
        market = self.momentum.market
        if strategy.strengths is None:
            return self.momentum.measure(bar, np.arange(len(market.symbols)))
        return strategy.strengths[bar - market.first]


def find_places(every: NDArray[np.floating], some: NDArray[np.floating], sides: Floats) -> Floats:
    """Return the place of some strengths among all, shape (n,); 0 where one is unknown.

    Of m known ones, the k-th from below has the place (k - 1/2) / m, and equal ones the middle of
    theirs; of shorts, counted from above.

    Parameters
    ----------
    every
        Shape (S,), with NaN where a strength is unknown.
    some, sides
        Of those that are asked for, shape (n,): 1 for long, -1 for short.
    """
    known = np.sort(every[~np.isnan(every)])
    if not len(known):
        return np.zeros(len(some))
    below, upto = (np.searchsorted(known, some, side=side) for side in ("left", "right"))
    place = (below + upto) / (2.0 * len(known))
    return np.where(np.isnan(some), 0.0, np.where(sides < 0, 1.0 - place, place))


def build_rank(
    definition: PortfolioDefinition,
    market: AccountMarket,
    targets: Targets,
    strategies: Sequence[StrategyStrengths],
) -> Ranker:
    """Return the ranks of a definition's priority.

    ``strength``: see `StrengthRank`; ``momentum``: see `MomentumRank`; ``universe``: the order of
    the universe.
    """
    if definition.priority == UNIVERSE:
        return rank_by_place
    momentum = MomentumRank(market, targets, definition.lookback)
    alone = len(strategies) == 1 and strategies[0].strengths is None
    if definition.priority == STRENGTH and not alone:
        return StrengthRank(targets, strategies, momentum)
    return momentum
