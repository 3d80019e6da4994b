"""Which entries come first where there is not enough cash, or no place."""

from dataclasses import dataclass, field

import numpy as np

from engine.account.market import AccountMarket
from engine.account.rules import Ranker, Targets, rank_by_place
from strategies.base import Floats, Ints


@dataclass(frozen=True, eq=False)
class MomentumRank:
    """The highest return over `lookback` bars first, of shorts the lowest; unknown ones last."""

    market: AccountMarket = field(repr=False)
    targets: Targets = field(repr=False)
    lookback: int

    def __call__(self, bar: int, symbols: Ints) -> Floats:
        """Return the ranks, see `engine.account.rules.Ranker`."""
        if bar < self.lookback:
            return np.full(len(symbols), np.nan)
        before = self.market.close[bar - self.lookback].take(symbols)
        before[before == 0] = np.nan
        sides = np.sign(self.targets[bar].take(symbols))
        # Of shorts the lowest return comes first.
        return self.market.close[bar].take(symbols) / before * -sides


@dataclass(frozen=True, eq=False)
class StrengthRank:
    """The strongest target first: of several strategies, what more of them want."""

    targets: Targets = field(repr=False)
    otherwise: Ranker

    def __call__(self, bar: int, symbols: Ints) -> Floats:
        """Return the ranks: by strength, equal ones as `otherwise` has it."""
        strength = np.abs(self.targets[bar, symbols])
        order = np.lexsort((self.otherwise(bar, symbols), -strength))
        ranks = np.empty(len(symbols))
        ranks[order] = np.arange(len(symbols))
        return ranks


def build_rank(priority: str, market: AccountMarket, targets: Targets, lookback: int) -> Ranker:
    """Return the ranks of a priority of `research.portfolio.definition.PRIORITIES`.

    ``strength``: by how many of the strategies, by their weights, want a symbol, and equal ones by
    momentum.
    """
    if priority == "universe":
        return rank_by_place
    momentum = MomentumRank(market, targets, lookback)
    return StrengthRank(targets, momentum) if priority == "strength" else momentum
